import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { blockedSessions, holding } from '../testing/held-transaction.ts';
import { freshStore, type Store } from '../testing/rig.ts';
import { until } from '../testing/until.ts';
import { receive, unreceive } from './inbox.ts';
import type { Database } from './pool.ts';

let store: Store;
beforeAll(async () => {
  store = await freshStore();
}, 60_000);
afterAll(() => store.end());
beforeEach(() => store.database.query({ text: 'TRUNCATE inbox' }));

/** What one transaction finds new, of which it takes back some. */
function take(
  ids: readonly string[],
  more: { consumer?: string; back?: readonly string[]; database?: Database } = {},
): Promise<string[]> {
  const { consumer = 'inventory', back = [], database = store.database } = more;
  return database.transact(async (tx) => {
    const fresh = await receive(tx, consumer, ids);
    if (back.length > 0) await unreceive(tx, consumer, back);
    return { result: [...fresh].sort() };
  });
}

const holdingIds = (ids: readonly string[]) =>
  holding(store, (tx) => receive(tx, 'inventory', ids));

test('an event is new once for each consumer', async () => {
  expect(await take(['a', 'b'])).toEqual(['a', 'b']);
  expect(await take(['a', 'b', 'c'])).toEqual(['c']);
  expect(await take(['a', 'b', 'c'])).toEqual([]);
  expect(await take(['a', 'c'], { consumer: 'payment' })).toEqual(['a', 'c']);
  expect(await take([])).toEqual([]);
});

test('ids are compared as they are written, by every letter', async () => {
  const ids = ['A', 'a', 'a ', '\u00e4', 'a\u0308'].sort();
  expect(await take(ids)).toEqual(ids);
});

test('what was taken back is new again, the rest is not, and other consumers keep it', async () => {
  await take(['b'], { consumer: 'payment' });
  expect(await take(['a', 'b', 'c'], { back: ['b'] })).toEqual(['a', 'b', 'c']);
  expect(await take(['a', 'b', 'c'])).toEqual(['b']);
  expect(await take(['b'], { consumer: 'payment' })).toEqual([]);
});

test('what a failed transaction noted is new again', async () => {
  const end = await holdingIds(['a']);
  await end('fail');
  expect(await take(['a'])).toEqual(['a']);
});

test.each([
  ['commits, and then has nothing to do', 'commit', ['b']],
  ['fails, and then does its work', 'fail', ['a', 'b']],
] as const)('a replica with the same event waits until the other %s', async (_, how, expected) => {
  const end = await holdingIds(['a']);
  const second = take(['a', 'b']);
  await until(
    'the second replica at the row',
    async () => (await blockedSessions(store)).length === 1,
  );
  await end(how);
  expect(await second).toEqual(expected);
});

test('a replica with other events does not wait', async () => {
  const end = await holdingIds(['a']);
  expect(await take(['b'])).toEqual(['b']);
  expect(await take(['a'], { consumer: 'payment' })).toEqual(['a']);
  await end('commit');
});

test('each event is new to one of four replicas that have them all at the same time', async () => {
  const replicas = Array.from({ length: 4 }, () => store.replica());
  const ids = Array.from({ length: 1_000 }, (_, index) => `e-${1_000 + index}`);
  const batches = Array.from({ length: 10 }, (_, batch) => ids.slice(batch * 100));
  const found = await Promise.all(
    replicas.map(async (database, replica) => {
      const mine: string[] = [];
      // The batches overlap and come in another order to every other replica.
      const order = replica % 2 === 0 ? batches : [...batches].reverse();
      for (const batch of order) mine.push(...(await take(batch, { database })));
      return mine;
    }),
  );
  expect(found.flat().sort()).toEqual(ids);
  const deadlocks = 'SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()';
  expect(await store.database.query({ text: deadlocks })).toEqual([{ deadlocks: 0 }]);
});

test('an event is noted with the time at which it was received', async () => {
  await take(['a']);
  const text = `SELECT received_at BETWEEN now() - interval '1 min' AND now() AS is_now FROM inbox`;
  expect(await store.database.query({ text })).toEqual([{ is_now: true }]);
});
