import { expect, test } from '@jest/globals';
import { Failure } from '@windlass/runtime/failure/errors.ts';
import type { Kit } from '@windlass/runtime/parts.ts';
import { routes } from './http.ts';
import { type Change, evolve, type World } from './inventory.ts';

/** The routes over a world in memory; the runtime's own tests cover what surrounds them. */
function given() {
  const world: World = { reservations: new Map(), stock: new Map() };
  const kit: Parameters<typeof routes>[0] = {
    async execute(command: Parameters<Kit<World, Change>['execute']>[0]) {
      const { decision, result } = command.decide(world, 0);
      if (result instanceof Failure) throw result;
      if (decision.outcome === 'decided' && decision.change) evolve(world, decision.change);
      return result;
    },
    query: async (statement) =>
      [...world.stock.values()].filter(({ sku }) => sku === statement.values?.[0]) as never,
  };
  const all = routes(kit);
  return async (method: string, sku: string, body?: unknown) => {
    const route = all.find((each) => each.method === method);
    if (route === undefined) throw new Error(`no ${method}`);
    const parsed = route.body?.safeParse(body);
    if (parsed?.success === false) return 'invalid';
    const cause = { correlationId: 'c', traceparent: 't' };
    const signal = new AbortController().signal;
    const request = { params: { sku }, query: {}, body: parsed?.data, cause, signal };
    return JSON.parse((await route.handle(request)).body);
  };
}

test('stock begins with PUT, grows with PATCH and is read with GET', async () => {
  const call = given();
  const stock = { sku: 'a', onHand: 5, available: 5, reserved: 0, sold: 0 };
  expect(await call('PUT', 'a', { onHand: 5 })).toEqual(stock);
  expect(await call('PUT', 'a', { onHand: 5 })).toEqual(stock);
  expect(await call('PATCH', 'a', { add: 2 })).toMatchObject({ onHand: 7, available: 7 });
  expect(await call('GET', 'a')).toMatchObject({ onHand: 7, available: 7 });
});

test('an unknown SKU is not found', async () => {
  const call = given();
  await expect(call('GET', 'a')).rejects.toMatchObject({ code: 'sku-not-found' });
  await expect(call('PATCH', 'a', { add: 1 })).rejects.toMatchObject({ code: 'sku-not-found' });
});

test('stock is a whole number of pieces', async () => {
  const call = given();
  for (const onHand of [-1, 0.5, '5', 1e13])
    expect(await call('PUT', 'a', { onHand })).toBe('invalid');
  for (const add of [0, -1, 1e10]) expect(await call('PATCH', 'a', { add })).toBe('invalid');
});
