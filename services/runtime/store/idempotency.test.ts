import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { blockedSessions, holding } from '../testing/held-transaction.ts';
import { freshStore, type Store } from '../testing/rig.ts';
import { until } from '../testing/until.ts';
import {
  type IdempotencyKey,
  insertKeys,
  isUsedKey,
  keyName,
  type StoredReply,
  selectKeys,
  type UsedKey,
  usedKeysByName,
} from './idempotency.ts';
import type { Database } from './pool.ts';

let store: Store;
beforeAll(async () => {
  store = await freshStore();
}, 60_000);
afterAll(() => store.end());
beforeEach(() => store.database.query({ text: 'TRUNCATE idempotency, tallies' }));

interface Row {
  readonly use: IdempotencyKey;
  readonly reply: StoredReply;
}
const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
function row(key: string, more: Partial<IdempotencyKey & StoredReply> = {}): Row {
  const { scope = 'anonymous POST /orders', fingerprint = everyByte } = more;
  const { status = 202, body = `{"for":"${key}"}`, location = `/orders/${key}` } = more;
  return { use: { scope, key, fingerprint }, reply: { status, body, location } };
}

const insert = (rows: readonly Row[], database: Database = store.database) =>
  database.query(insertKeys(rows));
const find = async (...keys: readonly Pick<IdempotencyKey, 'scope' | 'key'>[]) =>
  usedKeysByName(await store.database.query(selectKeys(keys)));
const used = ({ use, reply }: Row): UsedKey => ({ ...use, reply });
const count = async () => {
  const text = 'SELECT count(*) AS keys FROM idempotency';
  const [found] = await store.database.query<{ keys: number }>({ text });
  return found?.keys;
};
const reasonOf = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

const holdingKeys = (rows: readonly Row[]) => holding(store, (tx) => tx.query(insertKeys(rows)));
const isBlocked = async () => (await blockedSessions(store)).length === 1;

describe('an answer', () => {
  test('is given back byte for byte, with the fingerprint of its request', async () => {
    const body = '{"note":"\\u0000 \\"quoted\\" ünï\u2028 😀 {,} NULL \\\\"}';
    const given = row('k', { status: 409, body });
    await insert([given]);
    expect(await find(given.use)).toEqual(new Map([[keyName(given.use), used(given)]]));
  });

  test('may be empty and without a location', async () => {
    const { use } = row('k');
    await insert([{ use, reply: { status: 204, body: '' } }]);
    const found = (await find(use)).get(keyName(use));
    expect(found?.reply).toEqual({ status: 204, body: '', location: undefined });
  });

  test('is found for the keys that have one, also for a key that is asked for twice', async () => {
    const rows = ['a', 'b', 'c'].map((key) => row(key));
    await insert(rows);
    const [a, b] = rows;
    if (a === undefined || b === undefined) throw new Error('no rows');
    expect(await find(b.use, row('x').use, a.use, b.use)).toEqual(
      new Map([
        [keyName(b.use), used(b)],
        [keyName(a.use), used(a)],
      ]),
    );
    expect(await find()).toEqual(new Map());
  });
});

describe('a key', () => {
  test('belongs to its scope, and is compared as it is written', async () => {
    const rows = [
      row('k'),
      row('K'),
      row('k '),
      row('k', { scope: 'anonymous POST /orders/o-1/cancel', body: 'cancel' }),
      row('k', { scope: 'bob POST /orders', body: 'bob' }),
    ];
    await insert(rows);
    for (const each of rows) {
      expect(await find(each.use)).toEqual(new Map([[keyName(each.use), used(each)]]));
    }
    expect((await find(...rows.map(({ use }) => use))).size).toBe(rows.length);
  });

  test('that is used fails its statement, and nothing of it is stored', async () => {
    await insert([row('b', { body: 'first' })]);
    const error = await reasonOf(insert(['a', 'b', 'c'].map((key) => row(key))));
    expect(isUsedKey(error)).toBe(true);
    expect(await count()).toBe(1);
    const [[, kept] = []] = await find(row('b').use);
    expect(kept?.reply.body).toBe('first');
  });

  test('that is used fails the transaction that it was to be stored in', async () => {
    await insert([row('k')]);
    const failed = store.database.transact(async (tx) => {
      await tx.query({ text: `INSERT INTO tallies VALUES ('a', 1, 1, '')` });
      return { result: undefined, finish: [insertKeys([row('k')])] };
    });
    expect(isUsedKey(await reasonOf(failed))).toBe(true);
    expect(await store.database.query({ text: 'SELECT 1 FROM tallies' })).toEqual([]);
  });

  test('that comes twice in one statement is refused like a used one', async () => {
    expect(isUsedKey(await reasonOf(insert([row('k'), row('k')])))).toBe(true);
    expect(await count()).toBe(0);
  });

  test('is not what failed when another row exists already', async () => {
    const text = `INSERT INTO tallies VALUES ('a', 1, 1, '')`;
    await store.database.query({ text });
    const error = await reasonOf(store.database.query({ text }));
    expect(error).toMatchObject({ code: '23505' });
    expect(isUsedKey(error)).toBe(false);
    const refused = await reasonOf(insert([row('nul\0')]));
    expect(refused).toMatchObject({ code: '22021' });
    expect(isUsedKey(refused)).toBe(false);
    expect(isUsedKey('23505')).toBe(false);
  });
});

describe('two replicas with the same key', () => {
  test('the second waits, and when it is refused the answer of the first is there', async () => {
    const end = await holdingKeys([row('k', { body: 'first' })]);
    // At the very moment of its refusal another statement must find the key.
    const second = reasonOf(insert([row('k')])).then(async (error) => ({
      isUsed: isUsedKey(error),
      found: (await find(row('k').use)).get(keyName(row('k').use)),
    }));
    await until('the second replica at the key', isBlocked);
    await end('commit');
    expect(await second).toMatchObject({ isUsed: true, found: { reply: { body: 'first' } } });
  });

  test('the second stores its own answer when the first fails', async () => {
    const end = await holdingKeys([row('k', { body: 'first' })]);
    const second = insert([row('k', { body: 'second' })]);
    await until('the second replica at the key', isBlocked);
    await end('fail');
    await second;
    expect((await find(row('k').use)).get(keyName(row('k').use))?.reply.body).toBe('second');
  });

  test('never deadlock, in whatever order their requests came, and one of them wins', async () => {
    const replicas = [store.replica(), store.replica(), store.replica()];
    for (let round = 0; round < 10; round++) {
      const rows = Array.from({ length: 500 }, (_, index) => row(`${round}-${index}`));
      const orders = [rows, [...rows].reverse(), [...rows.slice(250), ...rows.slice(0, 250)]];
      const reasons = await Promise.all(
        replicas.map((replica, index) => reasonOf(insert(orders[index] ?? rows, replica))),
      );
      expect(reasons.filter((reason) => reason === undefined)).toHaveLength(1);
      expect(reasons.filter(isUsedKey)).toHaveLength(2);
    }
    expect(await count()).toBe(5_000);
    const deadlocks = 'SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()';
    expect(await store.database.query({ text: deadlocks })).toEqual([{ deadlocks: 0 }]);
  });
});
