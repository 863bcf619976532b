import { mkdir, mkdtemp, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { Database } from '@windlass/runtime/store/pool.ts';
import { exists, type TemporaryDirectory, temporaryDirectory } from './directory.ts';
import { type PostgresServer, startPostgres } from './postgres.ts';
import { emptyPostgresData } from './postgres-directory.ts';

const olderBinaries = '/usr/lib/postgresql/15/bin';
let directory: TemporaryDirectory;
let base: string;
let server: PostgresServer | undefined;

beforeAll(async () => {
  directory = await temporaryDirectory();
  base = directory.path;
});
afterEach(async () => {
  await server?.stop();
  server = undefined;
});
afterAll(() => directory.remove());

async function ask(on: PostgresServer, database: string, text: string) {
  const logger = { warn: () => {} };
  const connection = new Database({ url: on.url(database), max: 1, name: 'test', logger });
  try {
    return await connection.query({ text });
  } finally {
    await connection.close();
  }
}

test('keeps what was committed over kill -9, on the same directory and port', async () => {
  const dataDir = join(base, 'killed');
  server = await startPostgres({ dataDir, port: 0 });
  await server.createDatabase('order');
  await server.createDatabase('order');
  await ask(server, 'order', 'CREATE TABLE kept AS SELECT 42 AS answer');
  const { port } = server;
  for (let crash = 0; crash < 2; crash++) {
    server.kill('SIGKILL');
    expect(await server.exited).toEqual({ code: null, signal: 'SIGKILL' });
    server = await startPostgres({ dataDir, port });
  }
  expect(server.port).toBe(port);
  expect(await ask(server, 'order', 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
}, 60_000);

test('has the settings of the platform', async () => {
  server = await startPostgres({ dataDir: join(base, 'killed'), port: 0 });
  const [row] = await ask(
    server,
    'postgres',
    `SELECT current_setting('synchronous_commit') AS sync, current_setting('jit') AS jit,
       current_setting('fsync') AS fsync, current_setting('max_connections') AS connections`,
  );
  expect(row).toEqual({ sync: 'on', jit: 'off', fsync: 'on', connections: '200' });
}, 60_000);

test('starts where an initialisation was interrupted, and where a lock names a stranger', async () => {
  const dataDir = join(base, 'interrupted');
  await mkdir(join(dataDir, 'making-half', 'base'), { recursive: true });
  const settings = { fsync: 'off' };
  server = await startPostgres({ dataDir, port: 0, settings });
  expect(await readdir(join(server.cluster, '..'))).toEqual(['cluster']);
  await server.stop();
  await writeFile(join(server.cluster, 'postmaster.pid'), `${process.pid}\n${server.cluster}\n`);
  server = await startPostgres({ dataDir, port: 0, settings });
  expect(await ask(server, 'postgres', 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
}, 60_000);

test('does not start twice on one directory', async () => {
  const dataDir = join(base, 'twice');
  server = await startPostgres({ dataDir, port: 0, settings: { fsync: 'off' } });
  await expect(startPostgres({ dataDir, port: 0 })).rejects.toThrow(/already runs on/);
}, 60_000);

test('says why it does not start', async () => {
  const options = { dataDir: join(base, 'wrong'), port: 0 };
  const wrong = startPostgres({ ...options, settings: { fsync: 'off', max_connections: 'many' } });
  await expect(wrong).rejects.toThrow(/did not start:[\s\S]*max_connections/);
}, 60_000);

test('chooses another directory when its user cannot enter the wanted one', async () => {
  if (process.getuid?.() !== 0) return;
  const closed = await mkdtemp(join(base, 'closed-'));
  await mkdir(join(closed, 'inside'), { mode: 0o700 });
  const dataDir = join(closed, 'inside', 'data');
  const said: string[] = [];
  const say = (line: string) => said.push(line);
  server = await startPostgres({ dataDir, port: 0, say, settings: { fsync: 'off' } });
  expect(server.cluster).toMatch(/^\/var\/tmp\/windlass-/);
  expect(said.join()).toContain(`cannot enter ${dataDir}, so the data is in /var/tmp/windlass-`);
  await server.stop();
  await emptyPostgresData(dataDir);
  expect(await exists(server.cluster)).toBe(false);
}, 60_000);

test('runs another PostgreSQL', async () => {
  if (!(await exists(olderBinaries))) return;
  const options = { dataDir: join(base, 'older'), port: 0, settings: { fsync: 'off' } };
  server = await startPostgres({ ...options, binDir: olderBinaries });
  const [row] = await ask(server, 'postgres', 'SHOW server_version_num');
  expect(Number(row?.server_version_num)).toBeLessThan(160_000);
}, 60_000);
