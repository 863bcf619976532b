import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type FreshDatabase, freshDatabase } from '@windlass/local/testing.ts';
import { quiet } from '../testing/rig.ts';
import { type Migration, migrate, missingMigrations } from './migrations.ts';
import { Database } from './pool.ts';
import { runtimeMigrations } from './schema.ts';

let fresh: FreshDatabase;
let pools: Database[];
const replica = () => {
  const pool = new Database({ url: fresh.url, max: 2, name: 'test', logger: quiet });
  pools.push(pool);
  return pool;
};
beforeEach(async () => {
  pools = [];
  fresh = await freshDatabase();
}, 60_000);
afterEach(async () => {
  await Promise.all(pools.map((pool) => pool.close()));
  await fresh.drop();
});

const first: Migration = { id: '1', sql: 'CREATE TABLE a (x int); INSERT INTO a VALUES (1)' };
const second: Migration = { id: '2', sql: 'ALTER TABLE a ADD COLUMN y text' };

test('replicas that start at once apply each migration once', async () => {
  const starts = Array.from({ length: 8 }, () => migrate(replica(), [first, second]));
  const applied = (await Promise.all(starts)).filter((ids) => ids.length > 0);
  expect(applied).toEqual([['1', '2']]);
  expect(await replica().query({ text: 'SELECT * FROM a' })).toEqual([{ x: 1, y: null }]);
});

test('the tables of the runtime can be created and need nothing more on the next start', async () => {
  expect(await migrate(replica(), runtimeMigrations)).toHaveLength(runtimeMigrations.length);
  expect(await migrate(replica(), runtimeMigrations)).toEqual([]);
});

test('only what is missing is applied, in order', async () => {
  await migrate(replica(), [first]);
  expect(await migrate(replica(), [first, second])).toEqual(['2']);
});

test('a migration whose text was changed after it was applied is refused', async () => {
  await migrate(replica(), [first]);
  const changed = { ...first, sql: first.sql.replace('(1)', '(2)') };
  await expect(migrate(replica(), [changed])).rejects.toThrow('migration 1 was changed');
});

test('white space in a migration does not count', async () => {
  await migrate(replica(), [first]);
  const reformatted = { ...first, sql: first.sql.replaceAll(' ', '\n   ') };
  expect(await migrate(replica(), [reformatted])).toEqual([]);
});

test('a database that knows later migrations than this program is accepted', async () => {
  await migrate(replica(), [first, second]);
  expect(await migrate(replica(), [first])).toEqual([]);
});

test('when one of several migrations fails, none of them is applied', async () => {
  const broken = { id: '2', sql: 'ALTER TABLE nothing ADD COLUMN z int' };
  await expect(migrate(replica(), [first, broken])).rejects.toMatchObject({ code: '42P01' });
  expect(await migrate(replica(), [first, second])).toEqual(['1', '2']);
});

test('what a database lacks is known without changing it', async () => {
  expect(await missingMigrations(replica(), [first, second])).toEqual(['1', '2']);
  await migrate(replica(), [first]);
  expect(await missingMigrations(replica(), [first, second])).toEqual(['2']);
  const changed = { ...first, sql: 'SELECT 1' };
  await expect(missingMigrations(replica(), [changed])).rejects.toThrow('migration 1 was changed');
});
