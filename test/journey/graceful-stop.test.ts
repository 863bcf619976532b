import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { until } from '@windlass/runtime/testing/until.ts';
import { expectAllSettled } from './invariants.ts';
import { Load } from './load.ts';
import { newKey, orderOf } from './shop.ts';
import { Stack, type Worker, workerNames } from './stack.ts';

const graceSeconds = 10;

let stack: Stack;
beforeAll(async () => {
  const env = {
    ...{ DRAIN_SECONDS: `${graceSeconds - 2}`, GRACE_SECONDS: `${graceSeconds}` },
    // No slow call of this file may look like a lost one on a busy machine.
    PROVIDER_TIMEOUT_MS: '6000',
  };
  // What a replica has received and not begun comes again only when this has passed.
  stack = await Stack.start({ env, ackWaitMs: 5_000 });
}, 60_000);
afterAll(() => stack?.stop(), 30_000);

/** Asks a replica to stop; resolves when it has and another process of it works. */
async function roll(worker: Worker, index: 0 | 1): Promise<void> {
  const replica = stack.replicas(worker)[index];
  const asked = performance.now();
  const exit = await replica?.stop();
  expect([worker, exit]).toEqual([worker, { code: 0, signal: null }]);
  expect(performance.now() - asked).toBeLessThan(graceSeconds * 1_000);
  await replica?.restart();
  await replica?.ready(30_000);
}

test('loses nothing and fails nobody while every replica is stopped and started', async () => {
  const load = await Load.start(stack, { perSecond: 40, faults: { slowMs: 100 } });
  await load.until(40);
  for (const index of [0, 1] as const) {
    await Promise.all(workerNames.map((worker) => roll(worker, index)));
  }
  await load.until(load.accepted.length + 20);
  await load.stop();
  expect(load.failures).toEqual([]);
  const { orders } = await expectAllSettled(stack);
  expect(load.accepted.filter((id) => !orders.some((order) => order.id === id))).toEqual([]);
});

test('finishes the calls that are under way, so that none is unknown', async () => {
  const [shop] = stack.shops;
  const sku = await shop.stock(100);
  await shop.faults({ slowMs: 800 });
  const line = { sku, quantity: 1, unitPrice: 100 };
  const ids = await Promise.all(Array.from({ length: 20 }, () => shop.place([line])));
  await until('calls are under way', async () => {
    const [row] = await stack.rows<{ count: number }>('payment', 'SELECT count(*) FROM effects');
    return Number(row?.count) > 0;
  });
  await Promise.all([roll('payment', 0), roll('payment', 1)]);
  await shop.faults({});
  await expectAllSettled(stack);
  for (const id of ids) {
    const { history } = await shop.view(id);
    expect(history.map(({ status }) => status)).toEqual(['CREATED', 'RESERVED', 'CONFIRMED']);
  }
});

test('answers requests that wait with the state as it is when it stops', async () => {
  const [shop, other] = stack.shops;
  const sku = await shop.stock(100);
  const id = await stack.without('payment', async () => {
    const placed = await shop.place([{ sku, quantity: 1, unitPrice: 100 }]);
    const waiting = shop.view(placed, '30s');
    await shop.reaches(placed, 'RESERVED');
    const asked = performance.now();
    const rolled = roll('order', 0);
    expect((await waiting).status).toBe('RESERVED');
    expect(performance.now() - asked).toBeLessThan(5_000);
    await rolled;
    return placed;
  });
  await other.reaches(id, 'CONFIRMED');
});

test('takes no more requests once it is asked to stop, and finishes those it has', async () => {
  const [shop, other] = stack.shops;
  const sku = await shop.stock(1_000);
  const body = orderOf([{ sku, quantity: 1, unitPrice: 100 }]);
  const keys = Array.from({ length: 200 }, newKey);
  const place = (at: typeof shop) => keys.map((key) => at.post('/v1/orders', body, key));
  const first = Promise.allSettled(place(shop));
  await roll('order', 0);
  for (const answer of await first) {
    // Answered in full, refused in full, or never connected: nothing is cut off in the middle.
    const status = answer.status === 'fulfilled' ? answer.value.status : 503;
    expect([202, 503]).toContain(status);
  }
  for (const answer of await Promise.all(place(other))) expect(answer.status).toBe(202);
  const { orders } = await expectAllSettled(stack);
  expect(await shop.stockOf(sku)).toMatchObject({ sold: keys.length });
  expect(orders.length).toBeGreaterThan(keys.length);
});
