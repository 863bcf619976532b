import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Database } from '@windlass/runtime/store/pool.ts';
import { accepts } from './ports.ts';
import { type FreshDatabase, freshDatabase, natsUrl } from './testing.ts';

const logger = { warn: () => {} };
let fresh: FreshDatabase;
beforeAll(async () => {
  fresh = await freshDatabase();
}, 60_000);
afterAll(() => fresh.drop());

test('gives a file an empty database of its own', async () => {
  const other = await freshDatabase();
  expect(other.url).not.toBe(fresh.url);
  const database = new Database({ url: other.url, max: 1, name: 'test', logger });
  const tables = `SELECT count(*) AS tables FROM pg_tables WHERE schemaname = 'public'`;
  expect(await database.query({ text: tables })).toEqual([{ tables: 0 }]);
  await database.close();
  await other.drop();
});

test('gives a worker one NATS server', async () => {
  const url = await natsUrl();
  expect(await natsUrl()).toBe(url);
  expect(await accepts(Number(new URL(url).port))).toBe(true);
}, 60_000);
