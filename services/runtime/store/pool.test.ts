import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type TemporaryDirectory, temporaryDirectory } from '@windlass/local/directory.ts';
import { type PostgresServer, startPostgres } from '@windlass/local/postgres.ts';
import { classify } from '../failure/database-errors.ts';
import { listening } from '../testing/rig.ts';
import { until } from '../testing/until.ts';
import { Database } from './pool.ts';

/** A server of this file's own, because it is killed here. */
let directory: TemporaryDirectory;
let server: PostgresServer;
let database: Database;
const logger = listening();

async function start(port: number): Promise<PostgresServer> {
  return await startPostgres({ dataDir: directory.path, port, settings: { fsync: 'off' } });
}

beforeAll(async () => {
  directory = await temporaryDirectory();
  server = await start(0);
  database = new Database({ url: server.url('postgres'), max: 4, name: 'test', logger });
  await database.query({ text: 'CREATE TABLE t (id int PRIMARY KEY, x int CHECK (x > 0))' });
}, 60_000);
afterAll(async () => {
  await database.close();
  await server.stop();
  await directory.remove();
}, 30_000);

const insert = (id: number, x: number) => ({
  text: 'INSERT INTO t VALUES ($1, $2)',
  values: [id, x],
});
const idsOver = async (least: number) =>
  (
    await database.query<{ id: number }>({
      text: 'SELECT id FROM t WHERE id >= $1 ORDER BY id',
      values: [least],
    })
  ).map((row) => row.id);

describe('a transaction', () => {
  test('stores what its work and its last statements did', async () => {
    const result = await database.transact(async (tx) => {
      await tx.query(insert(1, 1));
      return { result: 'done', finish: [insert(2, 2), insert(3, 3)] };
    });
    expect(result).toBe('done');
    expect(await idsOver(0)).toEqual([1, 2, 3]);
  });

  test('is begun before its first statement, also when many are sent at once', async () => {
    const ids = await database.transact(async (tx) => ({
      result: await Promise.all(
        [1, 2, 3].map(() => tx.query({ text: 'SELECT pg_current_xact_id()::text AS id' })),
      ),
    }));
    expect(new Set(ids.flat().map((row) => row.id)).size).toBe(1);
  });

  test('stores nothing when its work throws', async () => {
    const work = database.transact(async (tx) => {
      await tx.query(insert(10, 1));
      throw new Error('changed its mind');
    });
    await expect(work).rejects.toThrow('changed its mind');
    expect(await idsOver(10)).toEqual([]);
  });

  test('stores nothing when a statement of its work is refused', async () => {
    const work = database.transact(async (tx) => {
      await Promise.all([
        tx.query(insert(20, 1)),
        tx.query(insert(21, 0)),
        tx.query(insert(22, 1)),
      ]);
      return { result: undefined };
    });
    await expect(work).rejects.toMatchObject({ code: '23514' });
    expect(await idsOver(20)).toEqual([]);
  });

  test.each([0, 1, 2])(
    'stores nothing when its last statement number %d is refused',
    async (bad) => {
      const finish = [0, 1, 2].map((index) => insert(30 + index, index === bad ? 0 : 1));
      const work = database.transact(async (tx) => {
        await tx.query(insert(39, 1));
        return { result: undefined, finish };
      });
      await expect(work).rejects.toMatchObject({ code: '23514' });
      expect(await idsOver(30)).toEqual([]);
    },
  );

  test('throws when its work hid a failure, because then COMMIT has rolled back', async () => {
    const work = database.transact(async (tx) => {
      await tx.query(insert(40, 1));
      await tx.query(insert(41, 0)).catch(() => undefined);
      return { result: 'stored' };
    });
    await expect(work).rejects.toThrow('rolled back');
    expect(await idsOver(40)).toEqual([]);
  });

  test('leaves a connection behind that the next one can use', async () => {
    for (let index = 0; index < 12; index++) {
      await database.transact(() => Promise.reject(new Error('no'))).catch(() => undefined);
      await database.query(insert(0, 0)).catch(() => undefined);
    }
    expect(await database.query({ text: 'SELECT 1 AS one' })).toEqual([{ one: 1 }]);
  });
});

test('amounts in int8 come back as numbers', async () => {
  const text = 'SELECT 9007199254740991::bigint AS largest, count(*) AS rows FROM t WHERE false';
  expect(await database.query({ text })).toEqual([{ largest: Number.MAX_SAFE_INTEGER, rows: 0 }]);
});

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return classify(
    await work.then(
      () => undefined,
      (error: unknown) => error,
    ),
  );
}

describe('failures of a real server are told apart', () => {
  test.each([
    ['a broken CHECK', insert(50, 0), 'refused'],
    ['text with NUL', { text: 'SELECT $1::text', values: ['a\0'] }, 'refused'],
    ['a table that is not there', { text: 'SELECT * FROM nothing' }, 'refused'],
    [
      'a statement over its time',
      { text: 'SET statement_timeout = 1; SELECT pg_sleep(1)' },
      'contended',
    ],
    [
      'a session that is ended',
      { text: 'SELECT pg_terminate_backend(pg_backend_pid())' },
      'unavailable',
    ],
  ])('%s', async (_what, statement, failure) => {
    const own = new Database({ url: server.url('postgres'), max: 1, name: 'test', logger });
    expect(await failureOf(own.query(statement))).toBe(failure);
    await own.close();
  });

  test('a row lock that is not had in time', async () => {
    await database.query(insert(60, 1));
    const waiting = database.transact(async (tx) => {
      await tx.query({ text: 'SELECT 1 FROM t WHERE id = 60 FOR UPDATE' });
      const lock = {
        text: `SET LOCAL lock_timeout = 20; SELECT 1 FROM t WHERE id = 60 FOR UPDATE`,
      };
      const failure = await failureOf(
        database.transact(async (other) => ({ result: await other.query(lock) })),
      );
      return { result: failure };
    });
    expect(await waiting).toBe('contended');
  });

  test('a pool that has no connection in time', async () => {
    const own = new Database({
      url: server.url('postgres'),
      max: 1,
      name: 'test',
      logger,
      acquireTimeoutMs: 50,
    });
    const slow = own.query({ text: 'SELECT pg_sleep(0.3)' });
    expect(await failureOf(own.query({ text: 'SELECT 1' }))).toBe('unavailable');
    await slow;
    await own.close();
  });

  test.each([
    ['a password that is refused', '28P01'],
    ['a database that is not there', '3D000'],
  ])('%s is no fault of the data', async (_what, code) => {
    expect(classify(Object.assign(new Error('no'), { code }))).toBe('unavailable');
  });

  test('an error that is none of the database', () => {
    expect(classify(new TypeError('x is not a function'))).toBeUndefined();
    expect(classify('text')).toBeUndefined();
  });
});

test('a server that is killed and comes back costs the queries under way and nothing else', async () => {
  const { port } = server;
  await Promise.all([1, 2, 3, 4].map(() => database.query({ text: 'SELECT pg_sleep(0.01)' })));
  const underWay = [
    failureOf(database.query({ text: 'SELECT pg_sleep(20)' })),
    failureOf(
      database.transact(async (tx) => {
        await tx.query(insert(70, 1));
        return { result: await tx.query({ text: 'SELECT pg_sleep(20)' }) };
      }),
    ),
  ];
  await until(async () => {
    const text = `SELECT 1 FROM pg_stat_activity WHERE query LIKE '%sleep(20)%' AND state = 'active'
                  AND pid <> pg_backend_pid()`;
    return (await database.query({ text })).length === 2;
  });
  server.kill('SIGKILL');
  await server.exited;
  // Its sessions live until they notice.
  const answer = () => failureOf(database.query({ text: 'SELECT 1' }));
  await until(async () => (await answer()) === 'unavailable');
  server = await start(port);
  await until(async () => (await answer()) === undefined);
  expect(await Promise.all(underWay)).toEqual(['unavailable', 'unavailable']);
  expect(await idsOver(70)).toEqual([]);
  expect(logger.lines.map((line) => line.text)).toContain('an idle database connection failed');
}, 60_000);

test('a server that does not answer any more costs a query its time limit and no more', async () => {
  const own = new Database({
    url: server.url('postgres'),
    max: 1,
    name: 'test',
    logger,
    answerTimeoutMs: 300,
  });
  expect(await failureOf(own.query({ text: 'SELECT pg_sleep(3)' }))).toBe('unavailable');
  expect(await own.query({ text: 'SELECT 1 AS one' })).toEqual([{ one: 1 }]);
  const longer = { text: 'SELECT pg_sleep(0.5) IS NOT NULL AS slept', answerTimeoutMs: 5_000 };
  expect(await own.query(longer)).toEqual([{ slept: true }]);
  await own.close();
});
