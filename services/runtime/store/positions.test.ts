import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { blockedSessions, holding } from '../testing/held-transaction.ts';
import { freshStore, type Store } from '../testing/rig.ts';
import { until } from '../testing/until.ts';
import type { Database } from './pool.ts';
import { lockPositions, type Position, positionKey, savePositions } from './positions.ts';

let store: Store;
beforeAll(async () => {
  store = await freshStore();
}, 60_000);
afterAll(() => store.end());
beforeEach(() => store.database.query({ text: 'TRUNCATE positions' }));

const at = (aggregateId: string, sequence = 0, source = 'orders'): Position => ({
  source,
  aggregateId,
  sequence,
});

/** Locks, then moves every aggregate to what `next` says. */
function move(
  database: Database,
  aggregates: readonly Position[],
  next: (sequence: number, key: string) => number,
  consumer = 'inventory',
): Promise<Map<string, number>> {
  return database.transact(async (tx) => {
    const found = await lockPositions(tx, consumer, aggregates);
    const moved = aggregates.map((each) => {
      const key = positionKey(each);
      return { ...each, sequence: next(found.get(key) ?? Number.NaN, key) };
    });
    return { result: found, finish: [savePositions(consumer, moved)] };
  });
}
const keep = (sequence: number) => sequence;
const look = (aggregates: readonly Position[], consumer?: string) =>
  move(store.database, aggregates, keep, consumer);

/** Locks the aggregates and moves each by one. */
const holdingAt = (aggregates: readonly Position[]) =>
  holding(store, async (tx) => {
    await lockPositions(tx, 'inventory', aggregates);
    const moved = aggregates.map((each) => ({ ...each, sequence: each.sequence + 1 }));
    await tx.query(savePositions('inventory', moved));
  });

test('a position is 0 before anything was applied and then what was saved last', async () => {
  expect(await look([at('a')])).toEqual(new Map([['orders.a', 0]]));
  await move(store.database, [at('a'), at('b')], (_, key) => (key === 'orders.a' ? 3 : 7));
  expect(await look([at('b'), at('a'), at('c')])).toEqual(
    new Map([
      ['orders.a', 3],
      ['orders.b', 7],
      ['orders.c', 0],
    ]),
  );
});

test('consumers and sources have positions of their own', async () => {
  await move(store.database, [at('a'), at('a', 0, 'payments')], (_, key) =>
    key === 'orders.a' ? 4 : 9,
  );
  await move(store.database, [at('a')], () => 1, 'payment');
  const both = [at('a'), at('a', 0, 'payments')];
  expect([...(await look(both)).entries()].sort()).toEqual([
    ['orders.a', 4],
    ['payments.a', 9],
  ]);
  expect([...(await look(both, 'payment')).entries()].sort()).toEqual([
    ['orders.a', 1],
    ['payments.a', 0],
  ]);
});

test('no aggregate is an empty answer', async () => {
  expect(await look([])).toEqual(new Map());
});

test('a transaction that fails moves nothing and leaves no row', async () => {
  const end = await holdingAt([at('a', 5)]);
  expect(await end('fail')).toBe('failed');
  expect(await store.database.query({ text: 'SELECT 1 FROM positions' })).toEqual([]);
});

test.each([
  ['commits', 'commit', 6],
  ['fails', 'fail', 5],
] as const)(
  'a replica with the same aggregate waits for the first and goes on from where it %s',
  async (_title, how, expected) => {
    await move(store.database, [at('a')], () => 5);
    const end = await holdingAt([at('a', 5)]);
    const second = look([at('a')]);
    await until(
      'the second replica at the lock',
      async () => (await blockedSessions(store)).length === 1,
    );
    await end(how);
    expect(await second).toEqual(new Map([['orders.a', expected]]));
  },
);

test('replicas that are the first for an aggregate come one after the other, too', async () => {
  const end = await holdingAt([at('new')]);
  const second = look([at('new')]);
  await until(async () => (await blockedSessions(store)).length === 1);
  await end('commit');
  expect(await second).toEqual(new Map([['orders.new', 1]]));
});

test('a replica with another aggregate or as another consumer does not wait', async () => {
  const end = await holdingAt([at('a')]);
  expect(await look([at('b')])).toEqual(new Map([['orders.b', 0]]));
  expect(await look([at('a')], 'payment')).toEqual(new Map([['orders.a', 0]]));
  await end('commit');
});

test('replicas with the same aggregates in any order never deadlock and lose no step', async () => {
  const replicas = [store.replica(), store.replica(), store.replica()];
  const ids = Array.from({ length: 400 }, (_, index) => at(`tally-${index}`));
  const orders = [ids, [...ids].reverse(), [...ids.slice(200), ...ids.slice(0, 200)]];
  const rounds = 8;
  await Promise.all(
    replicas.map(async (replica, index) => {
      for (let round = 0; round < rounds; round++) {
        await move(replica, orders[index] ?? ids, (sequence) => sequence + 1);
      }
    }),
  );
  const found = await look(ids);
  expect(new Set(found.values())).toEqual(new Set([replicas.length * rounds]));
  const deadlocks = 'SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()';
  expect(await store.database.query({ text: deadlocks })).toEqual([{ deadlocks: 0 }]);
});
