import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { expectAllSettled } from './invariants.ts';
import { newKey, type Shop } from './shop.ts';
import { Stack } from './stack.ts';

let stack: Stack;
let shop: Shop;
let other: Shop;
beforeAll(async () => {
  // A call that a busy machine delays is not a lost one, which would show in the histories.
  stack = await Stack.start({ env: { PROVIDER_TIMEOUT_MS: '4000' } });
  [shop, other] = stack.shops;
}, 60_000);
afterAll(() => stack.stop(), 30_000);

const line = (sku: string, quantity = 1, unitPrice = 1_000) => ({ sku, quantity, unitPrice });
const statuses = (view: { history: readonly { status: string }[] }) =>
  view.history.map(({ status }) => status);

test('confirms an order whose stock is held and whose payment is captured', async () => {
  const sku = await shop.stock(10);
  const id = await shop.place([line(sku, 2, 1_999)]);
  const view = await shop.reaches(id, 'CONFIRMED');
  expect(view).toMatchObject({ total: 3_998, lines: [line(sku, 2, 1_999)] });
  expect(statuses(view)).toEqual(['CREATED', 'RESERVED', 'CONFIRMED']);
  await expectAllSettled(stack);
  expect(await shop.stockOf(sku)).toEqual({ sku, onHand: 10, available: 8, reserved: 0, sold: 2 });
});

test('confirms an order that costs nothing without asking the provider', async () => {
  const sku = await shop.stock(1);
  const id = await shop.place([line(sku, 1, 0)]);
  await shop.reaches(id, 'CONFIRMED');
  const { entries } = await shop.ledger();
  expect(JSON.stringify(entries)).not.toContain(id);
  expect((await shop.refund(id)).body).toMatchObject({ type: '/problems/order-not-refundable' });
});

test('rejects an order when one of its lines is out of stock, and holds none of them', async () => {
  const [plenty, few] = [await shop.stock(10), await shop.stock(1)];
  const id = await shop.place([line(plenty, 5), line(few, 2)]);
  expect(statuses(await shop.reaches(id, 'REJECTED'))).toEqual(['CREATED', 'REJECTED']);
  expect(await shop.stockOf(plenty)).toMatchObject({ available: 10, reserved: 0 });
  expect((await shop.cancel(id)).body).toMatchObject({ type: '/problems/order-not-cancellable' });
});

test('cancels an order whose payment is declined, and gives its stock back', async () => {
  const sku = await shop.stock(3);
  await shop.faults({ declinePercent: 100 });
  const id = await shop.place([line(sku, 3)]);
  const view = await shop.reaches(id, 'CANCELLED');
  await shop.faults({});
  expect(statuses(view)).toEqual(['CREATED', 'RESERVED', 'CANCELLING', 'CANCELLED']);
  expect(await shop.stockOf(sku)).toMatchObject({ available: 3, reserved: 0, sold: 0 });
});

test('sells the last piece once, whoever asks at the same time', async () => {
  const sku = await shop.stock(3);
  const ids = await Promise.all(
    Array.from({ length: 12 }, (_, index) => (index % 2 ? shop : other).place([line(sku)])),
  );
  const views = await Promise.all(ids.map((id) => shop.view(id, '10s')));
  const confirmed = views.filter(({ status }) => status === 'CONFIRMED');
  expect(confirmed).toHaveLength(3);
  expect(views.filter(({ status }) => status === 'REJECTED')).toHaveLength(9);
});

test('refunds a part, then all that is left, and never more than was captured', async () => {
  const sku = await shop.stock(5);
  const id = await shop.place([line(sku, 1, 1_000)]);
  await shop.reaches(id, 'CONFIRMED');
  const tooMuch = await shop.refund(id, 1_001);
  expect(tooMuch).toMatchObject({
    status: 409,
    body: { type: '/problems/refund-exceeds-captured' },
  });
  const part = await shop.refund(id, 400);
  expect(part).toMatchObject({ status: 202, body: { refundId: expect.any(String) } });
  await shop.reaches(id, 'CONFIRMED');
  expect((await other.refund(id, 601)).status).toBe(409);
  expect((await other.refund(id)).status).toBe(202);
  const view = await shop.reaches(id, 'REFUNDED');
  expect(statuses(view).slice(2)).toEqual([
    ...['CONFIRMED', 'REFUNDING', 'CONFIRMED', 'REFUNDING', 'REFUNDED'],
  ]);
  expect((await shop.refund(id, 1)).status).toBe(409);
  expect((await shop.cancel(id)).status).toBe(409);
});

test('gives no more back when refunds are asked for at the same time', async () => {
  const sku = await shop.stock(5);
  const id = await shop.place([line(sku, 1, 1_000)]);
  await shop.reaches(id, 'CONFIRMED');
  const answers = await Promise.all(
    Array.from({ length: 6 }, (_, index) => (index % 2 ? shop : other).refund(id, 300)),
  );
  expect(answers.map(({ status }) => status).sort()).toEqual([202, 202, 202, 409, 409, 409]);
  const ledgers = await expectAllSettled(stack);
  expect(ledgers.orders.find((order) => order.id === id)?.refunded).toBe(900);
});

test('stays confirmed when the provider refuses a refund, which can be asked for again', async () => {
  const sku = await shop.stock(5);
  const id = await shop.place([line(sku, 1, 1_000)]);
  await shop.reaches(id, 'CONFIRMED');
  await shop.faults({ refuseRefundPercent: 100 });
  expect((await shop.refund(id)).status).toBe(202);
  const ledgers = await expectAllSettled(stack);
  await shop.faults({});
  expect(ledgers.orders.find((order) => order.id === id)).toMatchObject({
    status: 'CONFIRMED',
    refunded: 0,
  });
  expect((await shop.refund(id)).status).toBe(202);
  await shop.reaches(id, 'REFUNDED');
});

test('answers a waiting request of any replica as soon as the order is settled', async () => {
  const sku = await shop.stock(5);
  const [id, waiting] = await stack.without('payment', async () => {
    const placed = await shop.place([line(sku)]);
    await shop.reaches(placed, 'RESERVED');
    const late = await shop.view(placed, '100ms');
    expect(late.status).toBe('RESERVED');
    return [placed, [shop, other].map((each) => each.view(placed, '20s'))] as const;
  });
  const resumed = performance.now();
  const views = await Promise.all(waiting);
  expect(views.map(({ orderId, status }) => [orderId, status])).toEqual([
    [id, 'CONFIRMED'],
    [id, 'CONFIRMED'],
  ]);
  expect(performance.now() - resumed).toBeLessThan(10_000);
});

test('lists orders newest first, page after page, each once', async () => {
  const sku = await shop.stock(100);
  const placed: string[] = [];
  for (let count = 0; count < 7; count++) placed.push(await shop.place([line(sku)]));
  await expectAllSettled(stack);
  const seen: string[] = [];
  let after: unknown = '';
  let pages = 0;
  while (after !== null) {
    const query = `status=CONFIRMED,REJECTED&limit=3${after === '' ? '' : `&after=${after}`}`;
    const { body } = await (pages % 2 ? shop : other).get(`/v1/orders?${query}`);
    const items = body.items as { orderId: string; status: string }[];
    expect(items.length).toBeLessThanOrEqual(3);
    expect(items.every(({ status }) => ['CONFIRMED', 'REJECTED'].includes(status))).toBe(true);
    seen.push(...items.map(({ orderId }) => orderId));
    after = body.next;
    pages += 1;
  }
  expect(seen.slice(0, 7)).toEqual(placed.toReversed());
  expect(seen).toEqual([...new Set(seen)].sort().reverse());
});

test('leaves every order as its events tell it after a mixed run', async () => {
  const [plenty, few] = [await shop.stock(1_000), await shop.stock(20)];
  await shop.faults({ declinePercent: 20, timeoutAfterChargePercent: 5, refuseRefundPercent: 20 });
  const one = async (number: number) => {
    const [here, there] = number % 2 ? [shop, other] : [other, shop];
    const lines = [line(plenty, 1 + (number % 3), 700), line(number % 4 ? plenty : few, 1, 50)];
    const lane = ['hot', 'standard', 'bulk'][number % 3];
    const id = await here.place(lines, { lane });
    if (number % 5 === 0) await there.cancel(id);
    const { status } = await there.view(id, '20s');
    if (status !== 'CONFIRMED' || number % 3 !== 0) return;
    const key = newKey();
    await Promise.all([
      here.refund(id, 100, key),
      there.refund(id, 100, key),
      there.refund(id, 50),
    ]);
  };
  await Promise.all(Array.from({ length: 60 }, (_, number) => one(number)));
  const { orders } = await expectAllSettled(stack);
  await shop.faults({});
  expect(new Set(orders.map(({ status }) => status)).size).toBeGreaterThanOrEqual(2);
}, 90_000);
