import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { freshStore, type Store } from '../testing/rig.ts';
import { BatchWriter, type Settled, writeBisected } from './batch-writer.ts';
import { bigintColumn, textColumn } from './columns.ts';
import { Database } from './pool.ts';

let store: Store;
beforeAll(async () => {
  store = await freshStore();
}, 60_000);
afterAll(() => store.end());
beforeEach(() => store.database.query({ text: 'TRUNCATE tallies' }));

interface Row {
  readonly id: string;
  readonly total: number;
}

/** All rows in one statement, so that a bad one fails it as a whole. */
function insertInto(database: Database) {
  return async (rows: readonly Row[]): Promise<readonly Settled<string>[]> => {
    await database.query({
      text: `INSERT INTO tallies SELECT id, 1, total, '' FROM unnest($1::text[], $2::bigint[])
             AS r(id, total)`,
      values: [textColumn(rows.map((row) => row.id)), bigintColumn(rows.map((row) => row.total))],
    });
    return rows.map((row) => ({ status: 'fulfilled', value: row.id }));
  };
}

function given(options: { maxBatch?: number; concurrency?: number; database?: Database } = {}) {
  const batches: number[] = [];
  const { maxBatch = 100, concurrency = 1, database = store.database } = options;
  const writer = new BatchWriter<Row, string>({
    write: insertInto(database),
    maxBatch,
    concurrency,
    onBatch: (size) => batches.push(size),
  });
  return { writer, batches };
}

const stored = async () =>
  (await store.database.query<Row>({ text: 'SELECT id FROM tallies ORDER BY id' })).map(
    (row) => row.id,
  );
const row = (id: string, total = 1): Row => ({ id, total });

test('an item that comes alone is written alone', async () => {
  const { writer, batches } = given();
  expect(await writer.submit(row('a'))).toBe('a');
  expect(await writer.submit(row('b'))).toBe('b');
  expect(batches).toEqual([1, 1]);
});

test('items that come together are written together, and what comes meanwhile next', async () => {
  const { writer, batches } = given();
  const first = ['a', 'b', 'c'].map((id) => writer.submit(row(id)));
  await new Promise((resolve) => setImmediate(resolve));
  const second = ['d', 'e'].map((id) => writer.submit(row(id)));
  expect(await Promise.all([...first, ...second])).toEqual(['a', 'b', 'c', 'd', 'e']);
  expect(batches).toEqual([3, 2]);
});

test('a batch is never larger than its bound', async () => {
  const { writer, batches } = given({ maxBatch: 4, concurrency: 2 });
  const ids = Array.from({ length: 10 }, (_, index) => `x${index}`);
  await Promise.all(ids.map((id) => writer.submit(row(id))));
  expect(batches).toEqual([4, 4, 2]);
  expect(await stored()).toEqual([...ids].sort());
});

test.each([
  ['text that PostgreSQL refuses (22021)', row('bad\0'), '22021'],
  ['a row that breaks a CHECK (23514)', row('bad', -1), '23514'],
  ['a row that is there already (23505)', row('there'), '23505'],
])('%s costs only itself', async (_what, bad, code) => {
  await insertInto(store.database)([row('there')]);
  const { writer } = given();
  const good = Array.from({ length: 20 }, (_, index) => row(`good${index + 10}`));
  const outcomes = [...good.slice(0, 7), bad, ...good.slice(7)].map((each) => writer.submit(each));
  const settled = await Promise.allSettled(outcomes);
  const failed = settled.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []));
  expect(failed).toMatchObject([{ code }]);
  expect(settled[7]?.status).toBe('rejected');
  expect(await stored()).toEqual([...good.map((each) => each.id), 'there']);
});

test('with the database away all fail at once, without another attempt', async () => {
  const url = 'postgresql://windlass@127.0.0.1:1/none';
  const away = new Database({ url, max: 1, name: 'test', logger: { warn: () => {} } });
  let writes = 0;
  const write = insertInto(away);
  const results = await writeBisected([row('a'), row('b'), row('c')], (rows) => {
    writes += 1;
    return write(rows);
  });
  expect(results.map((each) => each.status)).toEqual(['rejected', 'rejected', 'rejected']);
  expect(writes).toBe(1);
  await away.close();
});

test('drained waits for what runs and for what waits, failures included', async () => {
  const { writer } = given({ maxBatch: 2 });
  await writer.drained();
  const outcomes = Promise.allSettled(
    ['a', 'b', 'bad\0', 'c', 'd'].map((id) => writer.submit(row(id))),
  );
  await writer.drained();
  expect(await stored()).toEqual(['a', 'b', 'c', 'd']);
  expect(writer.depth).toBe(0);
  expect((await outcomes).map((each) => each.status)).toContain('rejected');
});

test('bisecting: whichever items are bad, each gets its own result and no good one fails', () =>
  fc.assert(
    fc.asyncProperty(fc.array(fc.boolean(), { maxLength: 40 }), async (items) => {
      const results = await writeBisected(
        items.map((good, index) => ({ good, index })),
        async (batch) => {
          if (batch.some(({ good }) => !good)) throw new Error('a bad one');
          return batch.map(({ index }) => ({ status: 'fulfilled', value: index }));
        },
      );
      expect(results.map((each) => (each.status === 'fulfilled' ? each.value : -1))).toEqual(
        items.map((good, index) => (good ? index : -1)),
      );
    }),
  ));
