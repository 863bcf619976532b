import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type BadRequest, badBytes, badRequests } from './bad-requests.ts';
import { expectAllSettled } from './invariants.ts';
import { type Answer, newKey, orderOf, type Shop, send } from './shop.ts';
import { Stack } from './stack.ts';

let stack: Stack;
let shop: Shop;
let sku: string;
beforeAll(async () => {
  stack = await Stack.start({ env: { HOT_LANE_ALLOWED: 'false' } });
  shop = stack.shops[0];
  sku = await shop.stock(10_000);
}, 60_000);
afterAll(() => stack?.stop(), 30_000);

async function ask({ method = 'POST', path = '/v1/orders', body, headers }: BadRequest) {
  const key = { 'idempotency-key': newKey() };
  return await send(`${shop.url}${path}`, method, body, { ...key, ...headers });
}

/** Nothing of the inside, and nothing that the caller sent, is in a problem document. */
function expectProblem(answer: Answer, status: number, type: string): void {
  expect([answer.status, answer.body.type, answer.body.status]).toEqual([
    status,
    `/problems/${type}`,
    status,
  ]);
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  expect(typeof answer.body.title).toBe('string');
  expect(answer.text).not.toMatch(/\n\s*at |node_modules|\.ts:\d|SELECT|INSERT/);
  expect(answer.text.length).toBeLessThan(4_096);
}

async function stored(): Promise<unknown> {
  return await stack.rows(
    'order',
    `SELECT (SELECT count(*) FROM orders) AS orders, (SELECT count(*) FROM events) AS events,
       (SELECT count(*) FROM idempotency) AS keys`,
  );
}

function exchange(bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(shop.url);
    const socket = connect(Number(port), hostname);
    let received = '';
    socket.setTimeout(15_000, () => socket.destroy(new Error('no answer in time')));
    socket.on('data', (data) => {
      received += data.toString();
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(received));
    socket.write(bytes, 'latin1');
  });
}

test.each(badRequests.map((bad) => [bad.rule, bad] as const))('refuses %s', async (_, bad) => {
  const before = await stored();
  expectProblem(await ask(bad), bad.status, bad.type);
  expect(await stored()).toEqual(before);
});

test.each(badBytes.map(({ rule, bytes }) => [rule, bytes] as const))(
  'refuses %s and closes the connection',
  async (_, bytes) => {
    const before = await stored();
    const received = await exchange(bytes);
    expect(received).toMatch(/^HTTP\/1\.1 (400|431) /);
    expect(received).toContain('application/problem+json');
    expect(received).toMatch(/connection: close/i);
    expect(await stored()).toEqual(before);
  },
);

test('names what is wrong, at most ten times, without repeating what was sent', async () => {
  const lines = Array.from({ length: 50 }, () => ({ sku: '<script>', quantity: 0, unitPrice: 1 }));
  const { text, body } = await shop.post('/v1/orders', orderOf(lines));
  expect(body.errors).toHaveLength(10);
  expect(body.errors).toContainEqual(expect.objectContaining({ pointer: '/lines/0/sku' }));
  expect(text).not.toContain('<script>');
});

test('keeps the hot lane for those who may use it', async () => {
  const lines = [{ sku, quantity: 1, unitPrice: 1 }];
  const answer = await shop.post('/v1/orders', orderOf(lines, { lane: 'hot' }));
  expectProblem(answer, 403, 'lane-not-permitted');
  expect((await shop.post('/v1/orders', orderOf(lines, { lane: 'bulk' }))).status).toBe(202);
});

test('replaces a correlation id that is not safe, and keeps one that is', async () => {
  const body = orderOf([{ sku, quantity: 1, unitPrice: 1 }]);
  const given = async (id: string) => {
    const headers = { 'idempotency-key': newKey(), 'x-correlation-id': id };
    const answer = await send(`${shop.url}/v1/orders`, 'POST', body, headers);
    expect(answer.status).toBe(202);
    const [row] = await stack.rows<{ correlation_id: string }>(
      'order',
      'SELECT correlation_id FROM orders WHERE id = $1',
      [answer.body.orderId],
    );
    expect(answer.headers.get('x-correlation-id')).toBe(row?.correlation_id);
    return row?.correlation_id;
  };
  expect(await given('checkout-42')).toBe('checkout-42');
  for (const bad of ['a b', 'a\tb', `${'x'.repeat(129)}`, '"; DROP', 'ü']) {
    expect(await given(bad)).toMatch(/^[0-9a-f-]{36}$/);
  }
});

test('accepts the orders that come with the bad ones, all at once', async () => {
  const good = Array.from({ length: 60 }, () => shop.place([{ sku, quantity: 1, unitPrice: 5 }]));
  const bad = [...badRequests, ...badRequests].map(ask);
  const ids = await Promise.all(good);
  for (const answer of await Promise.all(bad)) {
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
  }
  const { orders } = await expectAllSettled(stack);
  const confirmed = new Set(orders.flatMap(({ id, status }) => (status === 'CONFIRMED' ? id : [])));
  expect(ids.filter((id) => !confirmed.has(id))).toEqual([]);
});

test('accepts the largest order that is allowed', async () => {
  const lines = await Promise.all(
    Array.from({ length: 100 }, async (_, index) => ({
      sku: index === 0 ? sku : `${'x'.repeat(60)}-${index}`,
      quantity: 10_000,
      unitPrice: 1_000_000_000,
    })),
  );
  const id = await shop.place(lines);
  expect((await shop.reaches(id, 'REJECTED')).total).toBe(1e15);
});
