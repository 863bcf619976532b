import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type Faults, isHit } from './faults.ts';
import { type RunningProvider, startProvider } from './start.ts';

let dataDir: string;
let provider: RunningProvider;
const start = () => startProvider({ host: '127.0.0.1', port: 0, opsPort: 0, dataDir });

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'windlass-provider-'));
  provider = await start();
});
afterEach(async () => {
  await provider.stop();
  rmSync(dataDir, { recursive: true });
});

async function call(method: string, path: string, body?: unknown, timeoutMs = 5_000) {
  const reply = await fetch(`http://127.0.0.1:${provider.port}${path}`, {
    method,
    signal: AbortSignal.timeout(timeoutMs),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: reply.status, body: (await reply.json()) as Record<string, unknown> };
}
const charge = (key: string, amount = 100, orderId = `order-${key}`, timeoutMs?: number) =>
  call('POST', '/v1/charges', { key, orderId, amount, currency: 'EUR' }, timeoutMs);
const refund = (key: string, chargeKey: string, amount: number) =>
  call('POST', '/v1/refunds', { key, chargeKey, amount });
const setFaults = (faults: Partial<Faults>) => call('PUT', '/faults', faults);

test('captures a charge and gives the same key the same answer', async () => {
  const first = await charge('k1');
  expect(first).toMatchObject({ status: 201, body: { status: 'captured', amount: 100 } });
  expect(await charge('k1')).toEqual(first);
  expect(await call('GET', '/v1/charges/k1')).toEqual({ status: 200, body: first.body });
  expect((await call('GET', '/ledger/summary')).body).toMatchObject({ captures: 1, captured: 100 });
});

test('refuses a key that was used for another charge', async () => {
  await charge('k1');
  expect((await charge('k1', 101)).status).toBe(409);
});

test('does not know a key that it never saw', async () => {
  expect((await call('GET', '/v1/charges/k1')).status).toBe(404);
  expect((await call('GET', '/v1/refunds/k1')).status).toBe(404);
});

test('refunds parts of a charge, but not more than all of it', async () => {
  await charge('k1');
  expect((await refund('r1', 'k1', 60)).status).toBe(201);
  expect((await refund('r1', 'k1', 60)).status).toBe(201);
  expect((await refund('r2', 'k1', 41)).body).toMatchObject({ reason: 'exceeds-charge' });
  expect((await refund('r3', 'k9', 1)).body).toMatchObject({ reason: 'no-such-charge' });
  expect((await refund('r4', 'k1', 40)).status).toBe(201);
  expect((await call('GET', '/v1/report')).body).toEqual({
    items: [
      expect.objectContaining({ orderId: 'order-k1', captured: 100, refunded: 100, captures: 1 }),
    ],
    next: null,
  });
});

test('reports orders in order of their ids, page by page', async () => {
  for (const key of ['c', 'a', 'b']) await charge(key, 1, key);
  const page = await call('GET', '/v1/report?limit=2');
  expect(page.body).toMatchObject({ items: [{ orderId: 'a' }, { orderId: 'b' }], next: 'b' });
  const last = await call('GET', '/v1/report?limit=2&after=b');
  expect(last.body).toMatchObject({ items: [{ orderId: 'c' }], next: null });
});

test('knows after a restart what it has answered, whatever was half written', async () => {
  const answers = await Promise.all(['k1', 'k2', 'k3'].map((key) => charge(key)));
  // Without stopping first: what is answered stands in the file.
  const file = join(dataDir, 'ledger.ndjson');
  expect(readFileSync(file, 'utf8').trim().split('\n')).toHaveLength(3);
  await provider.stop();
  appendFileSync(file, '{"kind":"charge","id":"ch_k4"');
  provider = await start();
  expect(await charge('k2')).toEqual(answers[1]);
  expect((await charge('k4')).status).toBe(201);
  await provider.stop();
  provider = await start();
  expect((await call('GET', '/ledger/summary')).body).toMatchObject({ captures: 4 });
});

test('declines a share of the charges, the same ones each time', async () => {
  await setFaults({ declinePercent: 50 });
  const keys = Array.from({ length: 40 }, (_, index) => `k${index}`);
  const statuses = await Promise.all(keys.map(async (key) => (await charge(key)).status));
  expect(new Set(statuses)).toEqual(new Set([201, 402]));
  await setFaults({});
  const again = await Promise.all(keys.map(async (key) => (await charge(key)).status));
  expect(again).toEqual(statuses);
});

test('makes a charge and keeps silent about it', async () => {
  await setFaults({ timeoutAfterChargePercent: 100 });
  await expect(charge('k1', 100, 'o1', 200)).rejects.toThrow();
  expect((await call('GET', '/v1/charges/k1')).body).toMatchObject({ status: 'captured' });
});

test('is down while it is told to be, and can be told otherwise', async () => {
  await setFaults({ down: true });
  expect((await charge('k1')).status).toBe(503);
  await setFaults({});
  expect((await charge('k1')).status).toBe(201);
});

test('refuses what it does not understand', async () => {
  expect((await call('POST', '/v1/charges', { key: 'k1' })).status).toBe(400);
  expect((await call('PUT', '/faults', { declinePercent: 101 })).status).toBe(400);
  expect((await call('GET', '/nowhere')).status).toBe(404);
});

test('hits about as many keys as it is told to', () => {
  for (const share of [0, 5, 30, 100]) {
    const keys = Array.from({ length: 20_000 }, (_, index) => `charge-018f5d2c-${index}`);
    const hits = keys.filter((key) => isHit(key, 'decline', share)).length;
    expect(Math.abs(hits / 200 - share)).toBeLessThan(1);
  }
});

test('answers on its ops port', async () => {
  const ops = `http://127.0.0.1:${provider.opsPort}`;
  expect((await fetch(`${ops}/readyz`)).status).toBe(200);
  expect((await fetch(`${ops}/startupz`)).status).toBe(200);
  expect(await (await fetch(`${ops}/metrics`)).text()).toContain('provider_captures_total 0');
});
