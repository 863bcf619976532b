import { describe, expect, test } from '@jest/globals';
import { createMetrics } from './metrics.ts';

describe('metrics', () => {
  test('count plainly and show the sum at each scrape', async () => {
    const metrics = createMetrics({ service: 'shop', enabled: true });
    const published = metrics.eventsPublished.of({ type: 'orders.created', stream: 'ORDERS' });
    published.inc();
    published.inc(4);
    const line =
      'windlass_events_published_total{type="orders.created",stream="ORDERS",service="shop"}';
    expect(await metrics.exposition()).toContain(`${line} 5\n`);
    published.inc();
    expect(await metrics.exposition()).toContain(`${line} 6\n`);
    expect(await metrics.exposition()).toContain(`${line} 6\n`);
  });

  test('give the same series for the same labels, whatever their order', () => {
    const { requestSeconds } = createMetrics({ service: 'shop', enabled: true });
    const one = requestSeconds.of({ route: '/a', method: 'GET', status: '2xx' });
    expect(requestSeconds.of({ status: '2xx', method: 'GET', route: '/a' })).toBe(one);
    expect(requestSeconds.of({ route: '/a', method: 'GET', status: '5xx' })).not.toBe(one);
  });

  test('ask the owner for levels at each scrape and survive its failure', async () => {
    const metrics = createMetrics({ service: 'shop', enabled: true });
    let depth = 7;
    metrics.outboxRows.collectWith((rows) => rows.of({}).set(depth++));
    metrics.outboxRows.collectWith(() => Promise.reject(new Error('no database')));
    expect(await metrics.exposition()).toContain('windlass_outbox_rows{service="shop"} 7\n');
    expect(await metrics.exposition()).toContain('windlass_outbox_rows{service="shop"} 8\n');
  });

  test('observe distributions', async () => {
    const metrics = createMetrics({ service: 'shop', enabled: true });
    metrics.batchEvents.of({ lane: 'hot' }).observe(3);
    const text = await metrics.exposition();
    expect(text).toContain('windlass_batch_events_bucket{le="4",service="shop",lane="hot"} 1\n');
    expect(text).toContain('windlass_batch_events_sum{service="shop",lane="hot"} 3\n');
  });

  test('keep a trace as the example of a bucket, for who understands OpenMetrics', async () => {
    const metrics = createMetrics({ service: 'shop', enabled: true });
    const settled = metrics.settledSeconds.of({ status: 'CONFIRMED' });
    settled.observe(0.2);
    settled.observe(0.3, 'c0ffee');
    metrics.eventsStale.of({ type: 'orders.created' }).inc();
    const open = await metrics.openMetrics.exposition();
    const bucket = 'settled_seconds_bucket{le="0.5",service="shop",status="CONFIRMED"} 2';
    expect(open).toContain(`${bucket} # {trace_id="c0ffee"} 0.3 `);
    expect(open).toContain('# TYPE windlass_events_stale counter\n');
    expect(open).toContain('windlass_events_stale_total{type="orders.created",service="shop"} 1\n');
    expect(open.endsWith('# EOF\n')).toBe(true);
    const plain = await metrics.exposition();
    expect(plain).not.toContain('c0ffee');
    expect(plain).toContain('# TYPE windlass_events_stale_total counter\n');
    expect(plain).toContain('settled_seconds_count{service="shop",status="CONFIRMED"} 2\n');
  });

  test('all have the prefix; the rest is what the process itself reports', async () => {
    const text = await createMetrics({ service: 'shop', enabled: true }).exposition();
    const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map((match) => match[1]);
    expect(names.filter((name) => !/^(windlass|process|nodejs)_/.test(name ?? ''))).toEqual([]);
    expect(names).toContain('nodejs_eventloop_lag_seconds');
  });

  test('are nothing when telemetry is off', async () => {
    const metrics = createMetrics({ service: 'shop', enabled: false });
    metrics.eventsStale.of({ type: 'orders.created' }).inc();
    metrics.outboxRows.collectWith(() => {
      throw new Error('must not be asked');
    });
    metrics.outboxRows.of({}).set(1);
    expect((await metrics.exposition()).trim()).toBe('');
  });
});
