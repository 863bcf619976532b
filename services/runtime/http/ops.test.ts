import { afterEach, describe, expect, test } from '@jest/globals';
import { createMetrics } from '../telemetry/metrics.ts';
import { Hysteresis } from './hysteresis.ts';
import { type OpsOptions, OpsServer } from './ops.ts';

const opened: OpsServer[] = [];
afterEach(async () => {
  for (const server of opened.splice(0)) await server.close();
});

async function get(
  path: string,
  options: Partial<OpsOptions> = {},
  headers: Record<string, string> = {},
) {
  const metrics = createMetrics({ service: 'shop', enabled: true });
  const server = new OpsServer({ readiness: [], health: {}, metrics, ...options });
  opened.push(server);
  const port = await server.listen(0, '127.0.0.1');
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers });
  return { status: response.status, body: await response.text(), headers: response.headers };
}

const broken: Partial<OpsOptions> = {
  readiness: [() => 'draining', () => undefined, () => Promise.reject(new Error('no database'))],
  health: {
    nats: async () => 'connected to n1',
    database: async () => {
      throw new Error('cannot reach postgres://shop:hunter2@db/shop');
    },
  },
};

describe('the ops port', () => {
  test('is alive and started whatever the dependencies do', async () => {
    expect((await get('/livez', broken)).status).toBe(200);
    expect((await get('/startupz', broken)).status).toBe(200);
  });

  test('is ready without a reason against it', async () => {
    const { status, body } = await get('/readyz', { readiness: [() => undefined] });
    expect([status, JSON.parse(body)]).toEqual([200, { ready: true, reasons: [] }]);
  });

  test('gives every reason why it is not ready', async () => {
    const { status, body } = await get('/readyz', broken);
    expect(status).toBe(503);
    expect(JSON.parse(body)).toEqual({ ready: false, reasons: ['draining', 'no database'] });
  });

  test('reports the health of each dependency, without secrets', async () => {
    const { status, body } = await get('/health', broken);
    expect(status).toBe(503);
    expect(JSON.parse(body)).toEqual({
      healthy: false,
      dependencies: {
        nats: { healthy: true, latencyMs: expect.any(Number), remark: 'connected to n1' },
        database: { healthy: false, reason: 'cannot reach postgres://shop:[secret]@db/shop' },
      },
    });
  });

  test('does not wait for a probe that hangs', async () => {
    const hanging = { health: { database: () => new Promise<undefined>(() => {}) } };
    const { status, body } = await get('/health', hanging);
    expect([status, body]).toEqual([503, expect.stringContaining('no answer within 2000 ms')]);
  });

  test('serves the metrics', async () => {
    const { status, body, headers } = await get('/metrics?x=1');
    expect(status).toBe(200);
    expect(headers.get('content-type')).toMatch(/^text\/plain; version=0.0.4/);
    expect(body).toContain('# TYPE windlass_outbox_rows gauge');
  });

  test('serves them with traces as examples to who asks for OpenMetrics', async () => {
    const accept = 'application/openmetrics-text; version=1.0.0, text/plain;q=0.5';
    const { body, headers } = await get('/metrics', {}, { accept });
    expect(headers.get('content-type')).toMatch(/^application\/openmetrics-text; version=1.0.0/);
    expect(body.endsWith('# EOF\n')).toBe(true);
  });

  test('has nothing else', async () => {
    expect((await get('/')).status).toBe(404);
    expect((await get('/__proto__')).status).toBe(404);
  });
});

describe('the hysteresis of a connection', () => {
  function given() {
    const clock = { now: 0 };
    return { clock, nats: new Hysteresis(10_000, () => clock.now) };
  }

  test('is down until it was up once', () => {
    const { nats } = given();
    expect(nats.steady).toBe(false);
    nats.set(false);
    expect(nats.steady).toBe(false);
    nats.set(true);
    expect(nats.steady).toBe(true);
  });

  test('overlooks an outage of less than ten seconds', () => {
    const { clock, nats } = given();
    nats.set(true);
    nats.set(false);
    clock.now = 9_999;
    nats.set(false);
    expect(nats.steady).toBe(true);
    nats.set(true);
    clock.now = 30_000;
    expect(nats.steady).toBe(true);
  });

  test('reports a longer one, and the return at once', () => {
    const { clock, nats } = given();
    nats.set(true);
    nats.set(false);
    clock.now = 10_000;
    expect(nats.steady).toBe(false);
    nats.set(true);
    expect(nats.steady).toBe(true);
  });
});
