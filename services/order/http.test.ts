import { expect, test } from '@jest/globals';
import { Failure } from '@windlass/runtime/failure/errors.ts';
import type { Reply } from '@windlass/runtime/http/route.ts';
import type { Keyed, Kit } from '@windlass/runtime/parts.ts';
import { routes } from './http.ts';
import { defaultTiming, type Order } from './order.ts';
import type { World } from './store.ts';

const now = 1_700_000_000_000;
const cause = { correlationId: 'corr', traceparent: 't' };

/** The routes over a world in memory; the runtime's own tests cover what surrounds them. */
function given({ hotLaneAllowed = false } = {}) {
  const world: World = new Map();
  const keys: Keyed[] = [];
  const waits: [string, number][] = [];
  let ids = 0;
  const kit = {
    config: { hotLaneAllowed, timing: defaultTiming },
    newId: () => `id-${++ids}`,
    acceptor:
      () => async (make: (now: number) => { entity: Order; reply: Reply }, keyed: Keyed) => {
        keys.push(keyed);
        const { entity, reply } = make(now);
        world.set(entity.id, entity);
        return reply;
      },
    async execute(command: Parameters<Kit<World, Order>['execute']>[0], keyed: Keyed) {
      keys.push(keyed);
      const { decision, result } = command.decide(world, now);
      if (result instanceof Failure) throw result;
      if (decision.outcome === 'decided' && decision.change !== undefined) {
        world.set(decision.change.id, decision.change);
      }
      return result;
    },
    query: async () =>
      [...world.values()].map(({ id, status, total, currency }) => ({
        ...{ id, status, total, currency },
        accepted_at: new Date(now),
        recorded_at: null,
        body: null,
      })),
    waiters: () => ({
      wait: async (id: string, ms: number) => {
        waits.push([id, ms]);
        const order = world.get(id);
        if (order !== undefined) world.set(id, { ...order, status: 'CONFIRMED' });
      },
    }),
  };
  const all = routes(kit as unknown as Kit<World, Order>);
  const call = async (operationId: string, request: object) => {
    const route = all.find((each) => each.operationId === operationId);
    if (route === undefined) throw new Error(`no ${operationId}`);
    const idempotencyKey = route.idempotent === true ? 'key' : undefined;
    const reply = await route.handle({
      params: {},
      query: {},
      body: undefined,
      cause,
      idempotencyKey,
      signal: new AbortController().signal,
      ...request,
    });
    return { ...reply, body: JSON.parse(reply.body) };
  };
  return { call, world, keys, waits };
}

const line = { sku: 'a', quantity: 1, unitPrice: 50 };
const body = { customerId: 'c', currency: 'EUR', lines: [line, line], lane: 'standard' };
const params = { orderId: 'id-1' };

test('accepts an order and says where it is', async () => {
  const { call, world } = given();
  expect(await call('placeOrder', { body })).toEqual({
    status: 202,
    headers: { location: '/v1/orders/id-1' },
    body: { orderId: 'id-1', status: 'CREATED', acceptedAt: new Date(now).toISOString() },
  });
  expect(world.get('id-1')).toMatchObject({ total: 100, lane: 'standard' });
});

test('takes an order into the hot lane only where that is permitted', async () => {
  const hot = { body: { ...body, lane: 'hot' } };
  await expect(given().call('placeOrder', hot)).rejects.toMatchObject({
    code: 'lane-not-permitted',
  });
  expect((await given({ hotLaneAllowed: true }).call('placeOrder', hot)).status).toBe(202);
});

test('tells equal requests by their content, and different ones apart', async () => {
  const { call, keys } = given();
  await call('placeOrder', { body });
  await call('placeOrder', { body });
  await call('placeOrder', { body: { ...body, currency: 'USD' } });
  await call('cancelOrder', { params, body: {} });
  await call('cancelOrder', { params: { orderId: 'id-2' }, body: {} });
  const [first, second, ...others] = keys.map(({ fingerprint }) => fingerprint.toString('hex'));
  expect(first).toHaveLength(64);
  expect(first).toBe(second);
  expect(new Set([first, ...others]).size).toBe(4);
  expect(new Set(keys.map(({ scope }) => scope)).size).toBe(2);
});

test('waits for an order that is not settled, and not for one that is', async () => {
  const { call, waits } = given();
  await call('placeOrder', { body });
  const first = await call('getOrder', { params, query: { wait: 5_000 } });
  expect([first.status, first.body.status]).toEqual([200, 'CONFIRMED']);
  await call('getOrder', { params, query: { wait: 5_000 } });
  await call('getOrder', { params });
  expect(waits).toEqual([['id-1', 5_000]]);
});

test('lists a page and says where the next one begins', async () => {
  const { call } = given();
  await call('placeOrder', { body });
  await call('placeOrder', { body });
  const page = await call('listOrders', { query: { status: [], limit: 1 } });
  expect(page.body).toMatchObject({ items: [{ orderId: 'id-1' }], next: 'id-1' });
  const all = await call('listOrders', { query: { status: [], limit: 2 } });
  expect(all.body).toMatchObject({ items: [{}, {}], next: null });
});

test('cancels an order once, and answers the second request alike', async () => {
  const { call, world } = given();
  await call('placeOrder', { body });
  const first = await call('cancelOrder', { params, body: { reason: 'twice' } });
  expect(first).toMatchObject({ status: 202, body: { orderId: 'id-1', status: 'CANCELLING' } });
  expect(await call('cancelOrder', { params, body: {} })).toEqual(first);
  expect(world.get('id-1')?.version).toBe(2);
});

test('refuses what an order does not allow', async () => {
  const { call, world } = given();
  const missing = call('cancelOrder', { params: { orderId: 'none' }, body: {} });
  await expect(missing).rejects.toMatchObject({ code: 'order-not-found' });
  await expect(call('getOrder', { params })).rejects.toMatchObject({ code: 'order-not-found' });
  await call('placeOrder', { body });
  const order = world.get('id-1');
  if (order === undefined) throw new Error('not placed');
  const unpaid = call('refundOrder', { params, body: {} });
  await expect(unpaid).rejects.toMatchObject({ code: 'order-not-refundable' });
  const facts = { ...order.facts, payment: 'captured' as const, captured: 100 };
  world.set('id-1', { ...order, status: 'CONFIRMED', facts });
  const confirmed = call('cancelOrder', { params, body: {} });
  await expect(confirmed).rejects.toMatchObject({ code: 'order-not-cancellable' });
  const tooMuch = call('refundOrder', { params, body: { amount: 101 } });
  await expect(tooMuch).rejects.toMatchObject({ code: 'refund-exceeds-captured' });
  const refund = await call('refundOrder', { params, body: {} });
  expect(refund).toMatchObject({ status: 202, body: { refundId: expect.any(String) } });
  expect(world.get('id-1')?.facts.refundPending).toBe(100);
});
