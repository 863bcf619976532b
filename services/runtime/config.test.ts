import { describe, expect, test } from '@jest/globals';
import * as orders from '@windlass/contracts/orders.ts';
import { defineService } from '@windlass/contracts/service.ts';
import { loadConfig, loadMigrationConfig } from './config.ts';

const plain = {
  port: 8080,
  role: 'worker',
  resources: { cpuMillis: 100, memoryMiB: 64 },
  scaling: { replicasMin: 1, replicasMax: 1, lagPerReplica: 1 },
  objectives: { handledWithinSeconds: 1, ratio: 0.9 },
} as const;
const service = defineService({
  ...plain,
  name: 'shop',
  database: true,
  consumes: [orders.created],
  publishes: [],
  calls: ['card-provider'],
});
const alone = defineService({
  ...plain,
  name: 'alone',
  database: false,
  consumes: [],
  publishes: [],
  calls: [],
});
const env = {
  DATABASE_URL: 'postgres://shop:hunter2@localhost:5432/shop',
  NATS_URL: 'nats://a:4222, b:4222',
  CARD_PROVIDER_URL: 'http://localhost:8090',
};

describe('loadConfig', () => {
  test('fills in the defaults', () => {
    const config = loadConfig(service, env);
    expect(config.http).toEqual({
      host: '0.0.0.0',
      port: 8080,
      opsPort: 9080,
      bodyMaxBytes: 65_536,
    });
    expect(config.database).toEqual({ url: env.DATABASE_URL, poolMax: 8, migrates: true });
    expect(config.nats?.servers).toEqual(['nats://a:4222', 'b:4222']);
    expect(config.calls).toEqual({ 'card-provider': 'http://localhost:8090' });
    expect(config.admission).toEqual({ outboxRows: 500_000, outboxAgeMs: 900_000, queue: 2_000 });
    expect(config.hotLaneAllowed).toBe(false);
    expect(config.telemetry).toEqual({
      enabled: true,
      logLevel: 'info',
      logFile: undefined,
      otlpEndpoint: undefined,
      sampleRatio: 0.05,
    });
    expect(config.timing.inboxMs).toBe(30 * 86_400_000);
    expect(config.timing.workingMs).toBe(10_000);
    expect(config.version).toBe('development');
    expect(config.dataDir).toBe('.');
    expect(config.replica).toMatch(/^.+-\d+-[0-9a-f]{6}$/);
  });

  test('asks only for the connections that the service has', () => {
    const config = loadConfig(alone, {});
    expect(config.database).toBeUndefined();
    expect(config.nats).toBeUndefined();
    expect(config.calls).toEqual({});
  });

  test('counts an empty variable as absent', () => {
    expect(loadConfig(service, { ...env, LOG_LEVEL: '', PORT: '' }).http.port).toBe(8080);
  });

  test('derives the ops port from the port, also from a free one', () => {
    expect(loadConfig(service, { ...env, PORT: '3000' }).http.opsPort).toBe(4000);
    expect(loadConfig(service, { ...env, PORT: '0' }).http.opsPort).toBe(0);
    expect(loadConfig(service, { ...env, OPS_PORT: '1' }).http.opsPort).toBe(1);
  });

  const refused: readonly [Record<string, string | undefined>, string][] = [
    [{ DATABASE_URL: undefined }, 'shop: DATABASE_URL must be set.'],
    [{ NATS_URL: '' }, 'shop: NATS_URL must be set.'],
    [{ CARD_PROVIDER_URL: undefined }, 'shop: CARD_PROVIDER_URL must be set.'],
    [
      { DATABASE_URL: 'mysql://root:hunter2@x/y' },
      'shop: DATABASE_URL must be a URL that starts with postgres:// or postgresql://.',
    ],
    [{ NATS_URL: 'nats://a b' }, 'shop: NATS_URL must be NATS addresses separated by commas.'],
    [{ PORT: '80 80' }, 'shop: PORT must be a whole number.'],
    [{ PORT: '70000' }, 'shop: PORT must lie between 0 and 65535.'],
    [{ PORT: '65000' }, 'shop: OPS_PORT must be set, PORT is too high.'],
    [
      { LOG_LEVEL: 'loud' },
      'shop: LOG_LEVEL must be one of trace, debug, info, warn, error, fatal, silent.',
    ],
    [{ MIGRATE: 'no' }, 'shop: MIGRATE must be on or off.'],
    [{ TRACE_SAMPLE_RATIO: '1.5' }, 'shop: TRACE_SAMPLE_RATIO must lie between 0 and 1.'],
    [{ HOT_LANE_ALLOWED: 'yes' }, 'shop: HOT_LANE_ALLOWED must be true or false.'],
    [{ PROVIDER_TIMEOUT_MS: '30000' }, 'shop: PROVIDER_TIMEOUT_MS must be less than ACK_WAIT_MS.'],
    [{ DRAIN_SECONDS: '40' }, 'shop: DRAIN_SECONDS must be less than GRACE_SECONDS.'],
    [{ HOLD_UNKNOWN_MS: '86400000' }, 'shop: RECONCILE_MS must be less than HOLD_UNKNOWN_MS.'],
    [{ RETRY_MAX_MS: '10' }, 'shop: RETRY_BASE_MS must not exceed RETRY_MAX_MS.'],
    [{ INBOX_DAYS: '20' }, 'shop: INBOX_DAYS must be at least STREAM_DAYS plus REPLAY_DAYS.'],
  ];
  test.each(refused)('refuses %j', (wrong, sentence) => {
    expect(() => loadConfig(service, { ...env, ...wrong })).toThrow(new Error(sentence));
  });

  test('never shows a value', () => {
    const secrets = { ...env, DATABASE_URL: 'hunter2', NATS_URL: 'hunter2 hunter2' };
    expect(() => loadConfig(service, secrets)).toThrow(/^(?!.*hunter2)/);
  });
});

describe('loadMigrationConfig', () => {
  test('asks for the database and for no other connection', () => {
    const { DATABASE_URL } = env;
    expect(loadMigrationConfig(service, { DATABASE_URL }).database.url).toBe(DATABASE_URL);
    expect(() => loadMigrationConfig(service, {})).toThrow(
      new Error('shop: DATABASE_URL must be set.'),
    );
  });
});
