import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import {
  repository,
  type TemporaryDirectory,
  temporaryDirectory,
} from '@windlass/local/directory.ts';
import { startPlatform } from '@windlass/local/platform.ts';
import { emptyPostgresData } from '@windlass/local/postgres-directory.ts';
import type { Platform } from '@windlass/local/running-platform.ts';
import { partitionOf } from '@windlass/runtime/event.ts';
import { Database } from '@windlass/runtime/store/pool.ts';
import { until } from '@windlass/runtime/testing/until.ts';
import { Customers } from './customers.ts';
import { describePrometheus } from './prometheus-program.ts';
import { type RunningPrometheus, startPrometheus } from './running-prometheus.ts';
import { ofServices, unanswered } from './unanswered.ts';

const minutes = 60_000;
jest.setTimeout(minutes);
const quiet = { info: () => {}, warn: () => {}, error: () => {} };
const runbook = readFileSync(join(repository, 'docs', 'runbook.md'), 'utf8');
const [, statement = ''] = /^(INSERT INTO outbox_pending[^;]*);$/m.exec(runbook) ?? [];
const env = {
  LOG_LEVEL: 'error',
  HOT_LANE_ALLOWED: 'true',
  PROVIDER_TIMEOUT_MS: '1000',
  LOOKUP_BASE_MS: '250',
  LOOKUP_MAX_MS: '1000',
  // Nothing listens there; what matters is that traces are kept.
  OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9',
  TRACE_SAMPLE_RATIO: '1',
};

await describePrometheus('the panels on the running platform', (programs) => {
  let directory: TemporaryDirectory;
  let platform: Platform | undefined;
  let prometheus: RunningPrometheus | undefined;
  let customers: Customers | undefined;

  beforeAll(async () => {
    directory = await temporaryDirectory();
    platform = await startPlatform({
      dir: directory.path,
      postgresSettings: { fsync: 'off' },
      env,
    });
    const watched = platform.processes.filter(({ service }) => service !== 'provider');
    prometheus = await startPrometheus(
      programs,
      watched.map(({ opsUrl }) => new URL(opsUrl).host),
    );
    customers = await Customers.come(platform);
  }, 3 * minutes);

  afterAll(async () => {
    await customers?.stop();
    await prometheus?.stop();
    platform?.forceStop();
    await platform?.stop();
    await emptyPostgresData(join(directory.path, 'postgres'));
    await directory.remove();
  }, minutes);

  const running = () => {
    if (prometheus === undefined || customers === undefined) throw new Error('nothing runs');
    return { prometheus, customers };
  };

  test(
    'all have data while orders are placed',
    async () => {
      const { prometheus, customers } = running();
      await until('orders are settled', () => customers.settled > 30, { withinMs: minutes });
      expect(ofServices.length).toBeGreaterThan(100);
      expect(await unanswered(prometheus, ofServices, minutes)).toEqual([]);
      expect(customers.troubles).toEqual([]);
    },
    3 * minutes,
  );

  test('single orders lead to their traces', async () => {
    const { prometheus } = running();
    for (const { where, expression, hasExemplars } of ofServices) {
      if (!hasExemplars) continue;
      const examples = await prometheus.exemplars(expression);
      const ids = examples.map(({ trace_id: id = '' }) => /^[0-9a-f]{32}$/.test(id));
      expect({ where, hasSome: ids.length > 0 && ids.every(Boolean) }).toEqual({
        where,
        hasSome: true,
      });
    }
  });

  test('no rule fails, and no symptom shows on a platform that is well', async () => {
    const { prometheus } = running();
    expect(await prometheus.failedRules()).toEqual([]);
    // Those of a busy machine are left out, and there is no operator here.
    const others = 'Windlass(Operator|Budget|RequestsShed).*';
    const present = await prometheus.query(`ALERTS{alertname!~"${others}"}`);
    expect(present.map(({ labels }) => labels)).toEqual([]);
  });

  test(
    'the shares of what is promised are recorded for each window',
    async () => {
      const { prometheus } = running();
      for (const window of ['5m', '30m', '1h', '6h', '3d']) {
        const samples = await until(`bad events of ${window}`, async () => {
          const found = await prometheus.query(`service_slo:windlass_bad:ratio_rate${window}`);
          return found.length === 5 ? found : undefined;
        });
        for (const { value } of samples) expect(value).toBeLessThanOrEqual(1);
      }
    },
    minutes,
  );

  test(
    'an event is published again as the runbook says',
    async () => {
      const { customers } = running();
      await customers.stop();
      if (platform === undefined) throw new Error('nothing runs');
      const url = platform.postgres.url('order');
      const database = new Database({ url, max: 1, name: 'runbook', logger: quiet });
      try {
        const [row] = await database.query<{ aggregate_id: string }>({
          text: "SELECT aggregate_id FROM events WHERE type = 'orders.created' LIMIT 1",
        });
        const aggregate = row?.aggregate_id ?? '';
        const values = { partition: partitionOf(aggregate), aggregate, version: 1 };
        const text = statement.replace(
          /<(\w+)>/g,
          (_, name: keyof typeof values) => `${values[name]}`,
        );
        await database.query({ text: `${text} RETURNING 1` });
        const [order] = platform.replicas('order');
        await order.restart();
        await until('the relay has published it', async () => {
          const [left] = await database.query<{ count: number }>({
            text: 'SELECT count(*)::int AS count FROM outbox_pending WHERE aggregate_id = $1',
            values: [aggregate],
          });
          return left?.count === 0;
        });
      } finally {
        await database.close();
      }
    },
    minutes,
  );
});
