import { describe, expect, test } from '@jest/globals';
import type { Decision } from '@windlass/runtime/decision.ts';
import fc from 'fast-check';
import {
  type Change,
  commit,
  evolve,
  expireHold,
  extendHold,
  release,
  reserve,
  type World,
} from './inventory.ts';
import { addStock, onHandMax, onHandOf, setStock } from './stock.ts';

const start = 1_700_000_000_000;
const holdMs = 30 * 60_000;
const day = 24 * 3_600_000;

type Input = (world: World) => Decision<Change>;
const created =
  (lines: Readonly<Record<string, number>>, orderId = 'o1', now = start): Input =>
  (world) =>
    reserve(
      {
        orderId,
        customerId: 'c',
        currency: 'EUR',
        total: 5,
        lines: Object.entries(lines).map(([sku, quantity]) => ({ sku, quantity, unitPrice: 1 })),
      },
      'standard',
      world,
      now,
    );
const confirmed: Input = (world) => commit('o1', world);
const cancelled: Input = (world) => release('o1', 'hot', world);
const overdue: Input = (world) => extendHold('o1', world, start);
const timeUp =
  (now = start + holdMs): Input =>
  (world) =>
    expireHold('o1', world, now);

/** Two SKUs, with one piece of `b` already promised to somebody else. */
function stocked(): World {
  return {
    reservations: new Map(),
    stock: new Map([
      ['a', { sku: 'a', available: 5, reserved: 0, sold: 0 }],
      ['b', { sku: 'b', available: 2, reserved: 1, sold: 0 }],
    ]),
  };
}

function when(world: World, inputs: readonly Input[]) {
  let last: Decision<Change> | undefined;
  for (const input of inputs) {
    last = input(world);
    if (last.outcome === 'decided' && last.change !== undefined) evolve(world, last.change);
  }
  const events = last?.outcome === 'decided' ? last.events : [];
  return {
    outcome: last?.outcome,
    types: events.map(({ definition }) => definition.type),
    data: events[0]?.data,
    status: world.reservations.get('o1')?.status,
    stock: ['a', 'b'].map((sku) => {
      const { available, reserved, sold } = world.stock.get(sku) ?? fail();
      return [available, reserved, sold];
    }),
  };
}

function fail(): never {
  throw new Error('no such stock');
}

test('holds all lines of an order, once per SKU', () => {
  const order: Input = (world) =>
    reserve(
      {
        orderId: 'o1',
        customerId: 'c',
        currency: 'EUR',
        total: 9,
        lines: [
          { sku: 'b', quantity: 1, unitPrice: 1 },
          { sku: 'a', quantity: 2, unitPrice: 2 },
          { sku: 'b', quantity: 1, unitPrice: 4 },
        ],
      },
      'bulk',
      world,
      start,
    );
  const after = when(stocked(), [order]);
  expect(after.types).toEqual(['inventory.reserved']);
  expect(after.data).toEqual({
    orderId: 'o1',
    total: 9,
    currency: 'EUR',
    lines: [
      { sku: 'a', quantity: 2 },
      { sku: 'b', quantity: 2 },
    ],
  });
  expect(after.stock).toEqual([
    [3, 2, 0],
    [0, 3, 0],
  ]);
});

test('holds nothing when one line is missing, and says what is missing', () => {
  const after = when(stocked(), [created({ a: 1, b: 3, z: 1 })]);
  expect(after.types).toEqual(['inventory.rejected']);
  expect(after.data).toMatchObject({
    missing: [
      { sku: 'b', requested: 3, available: 2 },
      { sku: 'z', requested: 1, available: 0 },
    ],
  });
  expect(after.stock).toEqual([
    [5, 0, 0],
    [2, 1, 0],
  ]);
});

type Row = readonly [string, readonly Input[], string, string | undefined, number[]];
const order = created({ a: 2 });
/** Each row: the rule, the inputs, the answer to the last one, the status, the stock of `a`. */
test.each<Row>([
  ['does not hold twice', [order, order], 'stale', 'HELD', [3, 2, 0]],
  ['sells what is held', [order, confirmed], 'inventory.committed', 'COMMITTED', [3, 0, 2]],
  ['sells once', [order, confirmed, confirmed], 'stale', 'COMMITTED', [3, 0, 2]],
  ['waits for an unknown order', [confirmed], 'orphan', undefined, [5, 0, 0]],
  ['gives a hold back', [order, cancelled], 'inventory.released', 'RELEASED', [5, 0, 0]],
  ['answers a cancellation once', [order, cancelled, cancelled], 'stale', 'RELEASED', [5, 0, 0]],
  ['answers the cancellation of nothing', [cancelled], 'inventory.released', 'RELEASED', [5, 0, 0]],
  ['holds nothing after it', [cancelled, order], 'stale', 'RELEASED', [5, 0, 0]],
  ['ends a hold in time', [order, timeUp()], 'inventory.expired', 'EXPIRED', [5, 0, 0]],
  ['keeps a hold until then', [order, timeUp(start + 1)], 'stale', 'HELD', [3, 2, 0]],
  ['holds longer while nobody knows', [order, overdue, timeUp()], 'stale', 'HELD', [3, 2, 0]],
  [
    'but not for ever',
    [order, overdue, timeUp(start + 2 * day)],
    'inventory.expired',
    'EXPIRED',
    [5, 0, 0],
  ],
  [
    'takes an ended hold again',
    [order, timeUp(), confirmed],
    'inventory.committed',
    'COMMITTED',
    [3, 0, 2],
  ],
  [
    'releases an ended hold without lines',
    [order, timeUp(), cancelled],
    'inventory.released',
    'RELEASED',
    [5, 0, 0],
  ],
  ['does not extend what ended', [order, timeUp(), overdue], 'stale', 'EXPIRED', [5, 0, 0]],
  [
    'takes back what was sold',
    [order, confirmed, cancelled],
    'inventory.released',
    'RELEASED',
    [5, 0, 0],
  ],
  [
    'answers the cancellation of a refusal',
    [created({ a: 9 }), cancelled],
    'inventory.released',
    'RELEASED',
    [5, 0, 0],
  ],
])('%s', (_, inputs, last, status, stockOfA) => {
  const after = when(stocked(), inputs);
  expect([after.types[0] ?? after.outcome, after.status]).toEqual([last, status]);
  expect(after.stock[0]).toEqual(stockOfA);
});

test('fails to commit an ended hold whose stock is gone, and stays failed', () => {
  const world = stocked();
  const other = created({ a: 4 }, 'o2');
  const after = when(world, [order, timeUp(), other, confirmed]);
  expect(after.types).toEqual(['inventory.commit-failed']);
  expect(after.data).toEqual({
    orderId: 'o1',
    missing: [{ sku: 'a', requested: 2, available: 1 }],
  });
  const freed: Input = () => release('o2', 'hot', world);
  expect(when(world, [freed, confirmed]).outcome).toBe('stale');
  expect(when(world, [cancelled]).types).toEqual(['inventory.released']);
});

describe('stock', () => {
  const before = { sku: 'a', available: 3, reserved: 2, sold: 5 };

  test('is set to what was ever stocked', () => {
    expect(setStock('a', 12, before)).toMatchObject({
      stock: { available: 5, reserved: 2, sold: 5 },
    });
    expect(setStock('a', 7, before)).toMatchObject({ stock: { available: 0 } });
    expect(setStock('new', 4, undefined)).toMatchObject({ stock: { sku: 'new', available: 4 } });
  });

  test('cannot be less than what is reserved and sold', () => {
    expect(setStock('a', 6, before)).toEqual({ refused: 'stock-below-committed' });
  });

  test('is added to, but not to an unknown SKU and not without bound', () => {
    expect(addStock('a', 2, before)).toMatchObject({ stock: { available: 5 } });
    expect(addStock('z', 2, undefined)).toEqual({ refused: 'sku-not-found' });
    expect(addStock('a', onHandMax, before)).toEqual({ refused: 'invalid-request' });
  });
});

test('no piece appears or is lost, whatever comes in whatever order', () => {
  const ids = fc.constantFrom('o1', 'o2', 'o3');
  const input = fc.oneof(
    fc
      .tuple(ids, fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 3 }))
      .map(([id, a, b]) => created({ a, b }, id)),
    ids.map(
      (id): Input =>
        (world) =>
          commit(id, world),
    ),
    ids.map(
      (id): Input =>
        (world) =>
          release(id, 'hot', world),
    ),
    ids.map(
      (id): Input =>
        (world) =>
          extendHold(id, world, start),
    ),
    fc.tuple(ids, fc.constantFrom(0, 1, 2)).map(
      ([id, days]): Input =>
        (world) =>
          expireHold(id, world, start + days * day),
    ),
  );
  fc.assert(
    fc.property(fc.array(input, { maxLength: 40 }), (inputs) => {
      const world = stocked();
      for (const each of inputs) when(world, [each]);
      for (const [sku, onHand] of [
        ['a', 5],
        ['b', 3],
      ] as const) {
        const stock = world.stock.get(sku) ?? fail();
        expect(onHandOf(stock)).toBe(onHand);
        expect(Math.min(stock.available, stock.reserved, stock.sold)).toBeGreaterThanOrEqual(0);
        const held = [...world.reservations.values()]
          .filter(({ status }) => status === 'HELD')
          .flatMap(({ lines }) => lines)
          .filter((line) => line.sku === sku)
          .reduce((sum, { quantity }) => sum + quantity, sku === 'b' ? 1 : 0);
        expect(stock.reserved).toBe(held);
      }
    }),
  );
});
