import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { defineService } from '@windlass/contracts/service.ts';
import { type FreshDatabase, freshDatabase } from '@windlass/local/testing.ts';
import { migrateService, schemaReady } from './migration-run.ts';
import { type Migration, migrate, missingMigrations } from './store/migrations.ts';
import { Database } from './store/pool.ts';
import { runtimeMigrations } from './store/schema.ts';
import { listening } from './testing/rig.ts';
import { until } from './testing/until.ts';

const service = defineService({
  name: 'shop',
  port: 8080,
  role: 'worker',
  database: true,
  consumes: [],
  publishes: [],
  calls: [],
  resources: { cpuMillis: 100, memoryMiB: 64 },
  scaling: { replicasMin: 1, replicasMax: 1, lagPerReplica: 1 },
  objectives: { handledWithinSeconds: 1, ratio: 0.9 },
});
const shelves: Migration = { id: 'shop-1', sql: 'CREATE TABLE shelves (x int)' };

let fresh: FreshDatabase;
let pool: Database;
beforeEach(async () => {
  fresh = await freshDatabase();
  pool = new Database({ url: fresh.url, max: 2, name: 'test', logger: listening() });
}, 60_000);
afterEach(async () => {
  await pool.close();
  await fresh.drop();
});
const env = () => ({ DATABASE_URL: fresh.url, LOG_LEVEL: 'silent' });

test('migrates a database that is there, and does nothing the second time', async () => {
  await migrateService(service, [shelves], env());
  expect(await missingMigrations(pool, [...runtimeMigrations, shelves])).toEqual([]);
  await migrateService(service, [shelves], env());
});

test('waits for a database that is not there yet', async () => {
  const url = new URL(fresh.url);
  url.pathname = `${url.pathname}_later`;
  const migrated = migrateService(service, [shelves], { ...env(), DATABASE_URL: url.href });
  try {
    await pool.query({ text: `CREATE DATABASE ${url.pathname.slice(1)}` });
    await migrated;
  } finally {
    await migrated.catch(() => {});
    await pool.query({ text: `DROP DATABASE IF EXISTS ${url.pathname.slice(1)} WITH (FORCE)` });
  }
}, 60_000);

test('gives up with one sentence when the database stays away', async () => {
  const nowhere = { ...env(), DATABASE_URL: 'postgres://shop:hunter2@127.0.0.1:9/shop' };
  await expect(migrateService(service, [shelves], nowhere, 300)).rejects.toThrow(
    new Error('shop: the database could not be migrated in 0.3 seconds.'),
  );
});

test('gives up with one sentence when a migration is refused', async () => {
  const broken = { id: 'shop-1', sql: 'ALTER TABLE nothing ADD COLUMN x int' };
  await expect(migrateService(service, [broken], env())).rejects.toThrow(
    'shop: the database refused: relation "nothing" does not exist.',
  );
});

test('a process that does not migrate waits until another has', async () => {
  const logger = listening();
  const schema = { database: pool, migrations: [shelves], migrates: false, logger };
  const ready = schemaReady(schema, AbortSignal.timeout(30_000));
  await until(() =>
    logger.lines.some(({ text }) => text.startsWith('the schema is not there yet')),
  );
  expect(await missingMigrations(pool, [shelves])).toEqual(['shop-1']);
  await migrate(pool, [...runtimeMigrations, shelves]);
  await ready;
  expect(logger.lines.every(({ level }) => level === 'warn')).toBe(true);
}, 60_000);

test('a process that does not migrate refuses a schema that means something else', async () => {
  await migrate(pool, [...runtimeMigrations, shelves]);
  const migrations = [{ ...shelves, sql: 'CREATE TABLE shelves (x text)' }];
  const schema = { database: pool, migrations, migrates: false, logger: listening() };
  await expect(schemaReady(schema, AbortSignal.timeout(30_000))).rejects.toThrow('was changed');
});
