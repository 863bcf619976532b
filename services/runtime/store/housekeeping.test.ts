import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { blockedSessions, holding } from '../testing/held-transaction.ts';
import { freshStore, quiet, type Store } from '../testing/rig.ts';
import { until } from '../testing/until.ts';
import { Housekeeping } from './housekeeping.ts';
import type { Database } from './pool.ts';

/** Different for each table, so that none can be cleaned by the age of another. */
const retention = { inboxMs: 30_000, idempotencyMs: 20_000, failuresMs: 10_000 };
const roundMax = 5_000;
let store: Store;
beforeAll(async () => {
  store = await freshStore();
}, 60_000);
afterAll(() => store.end());
beforeEach(() => store.database.query({ text: 'TRUNCATE inbox, idempotency, delivery_failures' }));

const given = (database: Database = store.database) => new Housekeeping(database, retention, quiet);

/** Rows of every table that are so old, named after their age. */
async function insert(ageMs: number, count = 1): Promise<void> {
  for (const text of [
    `INSERT INTO inbox SELECT 'c', $1::int || '-' || n, now() - $1::int * interval '1 ms'
     FROM generate_series(1, $2::int) n`,
    `INSERT INTO idempotency SELECT 's', $1::int || '-' || n, '', 202, '', NULL,
       now() - $1::int * interval '1 ms' FROM generate_series(1, $2::int) n`,
    `INSERT INTO delivery_failures SELECT 'c', $1::int::text, n, 1, now() - interval '1 day',
       now() - $1::int * interval '1 ms', 's', '', '' FROM generate_series(1, $2::int) n`,
  ]) {
    await store.database.query({ text, values: [ageMs, count] });
  }
}

async function counts(): Promise<number[]> {
  const text = `SELECT (SELECT count(*) FROM inbox) AS inbox,
      (SELECT count(*) FROM idempotency) AS keys,
      (SELECT count(*) FROM delivery_failures) AS failures`;
  const [row] = await store.database.query<{ inbox: number; keys: number; failures: number }>({
    text,
  });
  return row === undefined ? [] : [row.inbox, row.keys, row.failures];
}

const blocked = () => blockedSessions(store);
/** Holds what the statement locks, or changes, until it is told to end. */
const holdingBy = (text: string) => holding(store, (tx) => tx.query({ text }));

test('each table is rid of what is older than its own retention, and of nothing else', async () => {
  for (const ageMs of [-5_000, 0, 5_000, 15_000, 25_000, 35_000]) await insert(ageMs);
  expect(await given().sweep()).toBe(false);
  expect(await counts()).toEqual([5, 4, 3]);
  const keys = await store.database.query({ text: 'SELECT key FROM idempotency ORDER BY key' });
  expect(keys).toEqual(['-5000-1', '0-1', '15000-1', '5000-1'].map((key) => ({ key })));
});

test('the age of a failure counts from its last time, not from its first', async () => {
  // Its first failure was a day ago.
  await insert(0);
  await given().sweep();
  expect(await counts()).toEqual([1, 1, 1]);
});

test('a round deletes a bounded number of rows and says that there may be more', async () => {
  await insert(60_000, roundMax + 1);
  const housekeeping = given();
  expect(await housekeeping.sweep()).toBe(true);
  expect(await counts()).toEqual([1, 1, 1]);
  expect(await housekeeping.sweep()).toBe(false);
  expect(await counts()).toEqual([0, 0, 0]);
});

test('a round that one table alone fills says that there may be more', async () => {
  await insert(25_000, roundMax);
  await store.database.query({ text: 'TRUNCATE delivery_failures' });
  expect(await given().sweep()).toBe(true);
  expect(await counts()).toEqual([roundMax, 0, 0]);
  expect(await given().sweep()).toBe(false);
});

test('while one replica deletes, another passes at once and deletes nothing', async () => {
  await insert(60_000, 3);
  const end = await holdingBy('SELECT 1 FROM inbox FOR UPDATE');
  const first = given(store.replica()).sweep();
  await until('the first replica at the held row', async () => (await blocked()).length === 1);
  // It would wait for the same rows if it went for them.
  expect(await given().sweep()).toBe(false);
  expect(await blocked()).toHaveLength(1);
  expect(await counts()).toEqual([3, 3, 3]);
  expect(await end('commit')).toBe('committed');
  expect(await first).toBe(false);
  expect(await counts()).toEqual([0, 0, 0]);
});

test('a replica that dies in a round does not keep the others out', async () => {
  await insert(60_000, 3);
  const end = await holdingBy('SELECT 1 FROM inbox FOR UPDATE');
  const dying = given(store.replica()).sweep();
  const failed = expect(dying).rejects.toThrow();
  await until(async () => (await blocked()).length === 1);
  const [victim] = await blocked();
  await store.database.query({
    text: 'SELECT pg_terminate_backend($1)',
    values: [victim],
  });
  await failed;
  expect(await end('commit')).toBe('committed');
  expect(await counts()).toEqual([3, 3, 3]);
  await given().sweep();
  expect(await counts()).toEqual([0, 0, 0]);
});

test('replicas that sweep at the same time delete everything, without an error', async () => {
  await insert(60_000, 12_000);
  const replicas = [given(), given(store.replica()), given(store.replica())];
  const empty = async () => (await counts()).every((count) => count === 0);
  await Promise.all(
    replicas.map(async (replica) => {
      while (!(await empty())) await replica.sweep();
    }),
  );
  expect(await counts()).toEqual([0, 0, 0]);
});

test('a message that fails again while its record is deleted keeps its count', async () => {
  await insert(60_000);
  await store.database.query({ text: 'TRUNCATE inbox, idempotency' });
  const end = await holdingBy(
    'UPDATE delivery_failures SET failures = failures + 1, last_failed_at = now()',
  );
  const sweeping = given(store.replica()).sweep();
  await until(async () => (await blocked()).length === 1);
  expect(await end('commit')).toBe('committed');
  await sweeping;
  expect(await store.database.query({ text: 'SELECT failures FROM delivery_failures' })).toEqual([
    { failures: 2 },
  ]);
});

test('stopping does not wait for the next round', async () => {
  const housekeeping = given();
  housekeeping.start();
  const began = performance.now();
  await housekeeping.stop();
  // The first round is at least half a minute away.
  expect(performance.now() - began).toBeLessThan(5_000);
  await given().stop();
});
