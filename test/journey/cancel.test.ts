import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { until } from '@windlass/runtime/testing/until.ts';
import { expectAllSettled } from './invariants.ts';
import type { Shop } from './shop.ts';
import { Stack } from './stack.ts';

let stack: Stack;
let shop: Shop;
let other: Shop;
let sku: string;
beforeAll(async () => {
  // Longer than every slow call of this file, also on a busy machine.
  stack = await Stack.start({ env: { PROVIDER_TIMEOUT_MS: '4000' } });
  [shop, other] = stack.shops;
  sku = await shop.stock(1_000);
}, 60_000);
afterEach(async () => {
  await shop.faults({});
  await expectAllSettled(stack);
}, 60_000);
afterAll(() => stack?.stop(), 30_000);

const place = () => shop.place([{ sku, quantity: 2, unitPrice: 500 }]);

async function entriesOf(id: string): Promise<string[]> {
  const { entries } = await shop.ledger();
  const all = entries as { orderId: string; kind: string; status: string }[];
  return all.filter(({ orderId }) => orderId === id).map(({ status }) => status);
}

test('cancels a created order while the inventory is away; its tombstone holds nothing', async () => {
  const id = await stack.without('inventory', async () => {
    const placed = await place();
    const answer = await shop.cancel(placed);
    expect(answer).toMatchObject({ status: 202, body: { orderId: placed, status: 'CANCELLING' } });
    expect((await other.view(placed)).status).toBe('CANCELLING');
    return placed;
  });
  await shop.reaches(id, 'CANCELLED');
  expect(await entriesOf(id)).toEqual([]);
});

test('cancels a reserved order while the payment is away, and keeps no money of it', async () => {
  const id = await stack.without('payment', async () => {
    const placed = await place();
    await shop.reaches(placed, 'RESERVED');
    expect((await shop.cancel(placed)).status).toBe(202);
    return placed;
  });
  await shop.reaches(id, 'CANCELLED');
  const charged = await entriesOf(id);
  // The reservation may overtake the cancellation: then the charge went back.
  expect([[], ['captured', 'refunded']]).toContainEqual(charged);
});

test('cancels a reserved order while it is being charged, and gives the money back once', async () => {
  await shop.faults({ slowMs: 2_000 });
  const id = await place();
  await shop.reaches(id, 'RESERVED');
  expect((await other.cancel(id)).status).toBe(202);
  await shop.reaches(id, 'CANCELLED');
  expect(await entriesOf(id)).toEqual(['captured', 'refunded']);
});

test('gives the money back with another key when the provider has refused to', async () => {
  await shop.faults({ slowMs: 2_000, refuseRefundPercent: 100 });
  const id = await place();
  await shop.reaches(id, 'RESERVED');
  expect((await other.cancel(id)).status).toBe(202);
  await until('it is refused', async () => (await entriesOf(id)).includes('refused'));
  await shop.faults({});
  await shop.reaches(id, 'CANCELLED');
  const entries = await entriesOf(id);
  expect(entries.filter((status) => status !== 'refused')).toEqual(['captured', 'refunded']);
});

test('cancels an order whose payment is unknown, and gives back what turns out captured', async () => {
  await shop.faults({ timeoutAfterChargePercent: 100, slowMs: 5_000 });
  const id = await place();
  await shop.reaches(id, 'PAYMENT_UNKNOWN');
  expect((await shop.cancel(id)).body).toMatchObject({ status: 'CANCELLING' });
  await shop.faults({});
  await shop.reaches(id, 'CANCELLED');
  expect(await entriesOf(id)).toEqual(['captured', 'refunded']);
});

test('refuses to cancel a confirmed order', async () => {
  const id = await place();
  await shop.reaches(id, 'CONFIRMED');
  const answer = await shop.cancel(id);
  expect(answer).toMatchObject({
    status: 409,
    body: { type: '/problems/order-not-cancellable', status: 409 },
  });
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
});

test('answers a second cancellation alike while it runs, and refuses it afterwards', async () => {
  const id = await stack.without('inventory', async () => {
    const placed = await place();
    expect((await shop.cancel(placed)).status).toBe(202);
    expect((await other.cancel(placed)).body).toMatchObject({ status: 'CANCELLING' });
    return placed;
  });
  const { history } = await shop.reaches(id, 'CANCELLED');
  expect(history.filter(({ status }) => status === 'CANCELLING')).toHaveLength(1);
  expect((await shop.cancel(id)).body).toMatchObject({ type: '/problems/order-not-cancellable' });
});

test('lets one win when an order is cancelled while it is being confirmed', async () => {
  const race = async () => {
    const id = await place();
    const pauseMs = Math.random() * 60;
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    const { status } = await other.cancel(id);
    expect([202, 409]).toContain(status);
    await shop.reaches(id, status === 202 ? 'CANCELLED' : 'CONFIRMED');
  };
  await Promise.all(Array.from({ length: 20 }, race));
}, 30_000);

test('knows no order that was never placed', async () => {
  for (const answer of [await shop.cancel('nobody'), await shop.refund('nobody')]) {
    expect(answer).toMatchObject({ status: 404, body: { type: '/problems/order-not-found' } });
  }
  expect((await other.get('/v1/orders/nobody')).status).toBe(404);
});
