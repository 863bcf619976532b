import { expect, test } from '@jest/globals';
import * as inventory from '@windlass/contracts/inventory.ts';
import * as orders from '@windlass/contracts/orders.ts';
import { beginSeries } from './first-series.ts';
import { createMetrics } from './telemetry/metrics.ts';

const begun = async (definition: Parameters<typeof beginSeries>[1]): Promise<string> => {
  const metrics = createMetrics({ service: 'shop', enabled: true });
  beginSeries(metrics, definition);
  return await metrics.exposition();
};

test('every counter of a service begins at 0, so that its first increase is seen', async () => {
  const text = await begun({
    name: 'shop',
    consumes: [inventory.reserved],
    publishes: [orders.created],
  });
  for (const series of [
    'events_published_total{type="orders.created",stream="ORDERS",service="shop"}',
    'publish_failures_total{stream="ORDERS",service="shop"}',
    'events_consumed_total{type="inventory.reserved",stream="INVENTORY",service="shop"}',
    'events_parked_total{type="inventory.reserved",service="shop"}',
    'redeliveries_total{stream="INVENTORY",lane="bulk",service="shop"}',
    'handler_failures_total{consumer="shop-hot",class="permanent",service="shop"}',
    'dead_letters_total{consumer="shop-standard",reason="retries-exhausted",service="shop"}',
    'requests_shed_total{reason="overloaded",service="shop"}',
  ]) {
    expect(text).toContain(`\nwindlass_${series} 0\n`);
  }
  const counters = [...text.matchAll(/^# TYPE (windlass_\w+) counter$/gm)].map(([, name]) => name);
  expect(counters.filter((name) => !text.includes(`\n${name}{`))).toEqual([]);
});

test('a service that consumes nothing has no consumer to give up messages', async () => {
  const text = await begun({ name: 'shop', consumes: [], publishes: [orders.created] });
  expect(text).not.toContain('windlass_dead_letters_total{');
});
