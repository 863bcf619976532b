import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { expectAllSettled } from './invariants.ts';
import { newKey, orderOf, type Shop, send } from './shop.ts';
import { Stack } from './stack.ts';

let stack: Stack;
let shop: Shop;
let other: Shop;
let sku: string;
beforeAll(async () => {
  stack = await Stack.start();
  [shop, other] = stack.shops;
  sku = await shop.stock(1_000);
}, 60_000);
afterAll(() => stack?.stop(), 30_000);

const order = (quantity = 1) => orderOf([{ sku, quantity, unitPrice: 100 }]);
const problem = (type: string) => ({ body: { type: `/problems/${type}` } });

async function count(table: string): Promise<number> {
  const [row] = await stack.rows<{ count: number }>('order', `SELECT count(*) FROM ${table}`);
  return Number(row?.count);
}

test('refuses an order without a key, or with one that is no key', async () => {
  const url = `${shop.url}/v1/orders`;
  const missing = await send(url, 'POST', order());
  expect(missing).toMatchObject({ status: 400, ...problem('idempotency-key-missing') });
  for (const key of ['', 'k'.repeat(256), 'schlüssel']) {
    const answer = await send(url, 'POST', order(), { 'idempotency-key': key });
    expect(answer).toMatchObject({ status: 400, ...problem('idempotency-key-invalid') });
  }
});

test('accepts a new key with the address of the order', async () => {
  const answer = await shop.post('/v1/orders', order());
  const { orderId, acceptedAt } = answer.body;
  expect(answer).toMatchObject({ status: 202, body: { status: 'CREATED' } });
  expect(answer.headers.get('location')).toBe(`/v1/orders/${orderId}`);
  expect(answer.headers.get('idempotency-replayed')).toBeNull();
  expect(new Date(String(acceptedAt)).toISOString()).toBe(acceptedAt);
});

test('gives the same answer again, byte for byte, at any replica', async () => {
  const key = newKey();
  const first = await shop.post('/v1/orders', order(), key);
  for (const each of [shop, other, other]) {
    const again = await each.post('/v1/orders', order(), key);
    expect([again.status, again.text]).toEqual([202, first.text]);
    expect(again.headers.get('location')).toBe(first.headers.get('location'));
    expect(again.headers.get('idempotency-replayed')).toBe('true');
  }
});

test('takes the same content in another form as the same request', async () => {
  const key = newKey();
  const first = await shop.post('/v1/orders', order(), key);
  const line = `{"unitPrice":1e2, "quantity":1,"sku":"${sku}"}`;
  const body = `{ "lines":[${line}],\n"currency":"EUR","lane":"standard","customerId":"c-1"}`;
  expect((await other.post('/v1/orders', body, key)).text).toBe(first.text);
});

test('refuses a key that was used with another request, and does nothing', async () => {
  const key = newKey();
  await shop.post('/v1/orders', order(1), key);
  const before = await count('orders');
  for (const each of [shop, other]) {
    const answer = await each.post('/v1/orders', order(2), key);
    expect(answer).toMatchObject({ status: 422, ...problem('idempotency-key-reused') });
  }
  expect(await count('orders')).toBe(before);
});

test('places one order when many requests with one key come at once', async () => {
  const before = await count('orders');
  const keys = Array.from({ length: 20 }, newKey);
  const answers = await Promise.all(
    keys.map((key) =>
      Promise.all(
        Array.from({ length: 6 }, (_, index) =>
          (index % 2 ? shop : other).post('/v1/orders', order(), key),
        ),
      ),
    ),
  );
  for (const same of answers) {
    expect(same.map(({ status }) => status)).toEqual(same.map(() => 202));
    expect(new Set(same.map(({ text }) => text)).size).toBe(1);
  }
  expect(await count('orders')).toBe(before + keys.length);
});

test('places one of two orders that come with one key at once', async () => {
  const before = await count('orders');
  const keys = Array.from({ length: 20 }, newKey);
  const answers = await Promise.all(
    keys.map((key) =>
      Promise.all([
        shop.post('/v1/orders', order(1), key),
        other.post('/v1/orders', order(2), key),
      ]),
    ),
  );
  for (const pair of answers) expect(pair.map(({ status }) => status).sort()).toEqual([202, 422]);
  expect(await count('orders')).toBe(before + keys.length);
});

test('says that the first request is in flight when it takes longer than two seconds', async () => {
  const key = newKey();
  const early = await stack.database('order').transact(async (tx) => {
    await tx.query({
      text: `INSERT INTO idempotency (scope, key, fingerprint, status, body, created_at)
             VALUES ('anonymous POST /v1/orders', $1, '', 202, '', now())`,
      values: [key],
    });
    // Another replica's batch, as it looks from here: written and not committed.
    const [answer, neighbour] = await Promise.all([
      shop.post('/v1/orders', order(), key),
      shop.post('/v1/orders', order()),
    ]);
    expect(neighbour.status).toBe(202);
    await tx.query({ text: 'DELETE FROM idempotency WHERE key = $1', values: [key] });
    return { result: answer };
  });
  expect(early).toMatchObject({ status: 409, ...problem('request-in-flight') });
  expect(early.headers.get('retry-after')).toBe('1');
  expect((await shop.post('/v1/orders', order(), key)).status).toBe(202);
});

test('keeps the key of an invalid request free', async () => {
  const key = newKey();
  const before = await count('idempotency');
  expect((await shop.post('/v1/orders', { ...order(), lines: [] }, key)).status).toBe(400);
  expect(await count('idempotency')).toBe(before);
  expect((await other.post('/v1/orders', order(), key)).status).toBe(202);
});

test('gives a refusal of the business again, also when it would be allowed by now', async () => {
  const id = await shop.place([{ sku, quantity: 1, unitPrice: 100 }]);
  await shop.reaches(id, 'CONFIRMED');
  const [cancelKey, refundKey] = [newKey(), newKey()];
  const first = await shop.cancel(id, cancelKey);
  const again = await other.cancel(id, cancelKey);
  expect([again.status, again.text]).toEqual([409, first.text]);
  expect(again.headers.get('idempotency-replayed')).toBe('true');
  expect(again.headers.get('content-type')).toBe('application/problem+json');
  const refused = await shop.refund(id, 101, refundKey);
  expect(refused.status).toBe(409);
  expect((await other.refund(id, 101, refundKey)).text).toBe(refused.text);
});

test('refunds once when the same request comes many times', async () => {
  const id = await shop.place([{ sku, quantity: 1, unitPrice: 100 }]);
  await shop.reaches(id, 'CONFIRMED');
  const key = newKey();
  const answers = await Promise.all(
    Array.from({ length: 6 }, (_, index) => (index % 2 ? shop : other).refund(id, 40, key)),
  );
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 202));
  expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
  const ledgers = await expectAllSettled(stack);
  expect(ledgers.orders.find((each) => each.id === id)?.refunded).toBe(40);
});

test('tells keys of different operations and orders apart', async () => {
  const key = newKey();
  const placed = await Promise.all(
    [1, 2].map(() => shop.place([{ sku, quantity: 1, unitPrice: 9 }])),
  );
  for (const id of placed) await shop.reaches(id, 'CONFIRMED');
  const [one = '', two = ''] = placed;
  expect((await shop.refund(one, 1, key)).status).toBe(202);
  expect((await shop.cancel(one, key)).status).toBe(409);
  expect(await other.refund(two, 1, key)).toMatchObject({
    status: 422,
    ...problem('idempotency-key-reused'),
  });
});
