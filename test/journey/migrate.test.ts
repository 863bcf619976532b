import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { buildServices } from '@windlass/local/build.ts';
import { type Child, startChild } from '@windlass/local/child.ts';
import { repository } from '@windlass/local/directory.ts';
import { type FreshDatabase, freshDatabase } from '@windlass/local/testing.ts';
import { until } from '@windlass/runtime/testing/until.ts';

let fresh: FreshDatabase;
let children: Child[];
beforeAll(() => buildServices(), 60_000);
beforeEach(async () => {
  children = [];
  fresh = await freshDatabase();
}, 60_000);
afterEach(async () => {
  await Promise.all(children.map((child) => child.stop('SIGKILL', 1_000)));
  await fresh.drop();
}, 30_000);

async function start(service: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const lines: string[] = [];
  const child = await startChild({
    command: process.execPath,
    args: [join(repository, 'services', service, 'dist', 'main.mjs'), ...args],
    env: { PATH: process.env.PATH, PORT: '0', OPS_PORT: '0', ...env },
    onLine: (line) => lines.push(line),
  });
  children.push(child);
  const late = setTimeout(() => child.kill('SIGKILL'), 60_000);
  late.unref();
  const ended = async () => {
    const exit = await child.exited;
    clearTimeout(late);
    await child.drained;
    return exit;
  };
  return { lines, ended };
}

test.each(['order', 'inventory', 'payment'])(
  '%s migrates with its database alone',
  async (name) => {
    const env = { DATABASE_URL: fresh.url };
    const first = await start(name, ['migrate'], env);
    expect(await first.ended()).toEqual({ code: 0, signal: null });
    expect(first.lines.join('\n')).toContain('migrated the database');
    const second = await start(name, ['migrate'], env);
    expect(await second.ended()).toEqual({ code: 0, signal: null });
    expect(second.lines).toEqual([]);
  },
  60_000,
);

test.each(['provider', 'operator'])(
  '%s has no database, and says so',
  async (name) => {
    const { lines, ended } = await start(name, ['migrate']);
    expect(await ended()).toEqual({ code: 0, signal: null });
    expect(lines).toEqual([`${name}: there is no database to migrate.`]);
  },
  60_000,
);

test.each(['order', 'provider', 'operator'])(
  '%s refuses an argument that is a slip',
  async (name) => {
    const { lines, ended } = await start(name, ['migrates']);
    expect(await ended()).toEqual({ code: 1, signal: null });
    expect(lines).toEqual([`${name}: migrate is the only argument that there is.`]);
  },
  60_000,
);

test('a service that is told not to migrate starts when another process has', async () => {
  const env = { DATABASE_URL: fresh.url, NATS_URL: 'nats://127.0.0.1:9', MIGRATE: 'off' };
  const service = await start('order', [], env);
  const said = (text: string) => until(text, () => service.lines.some((l) => l.includes(text)));
  await said('the schema is not there yet');
  const migration = await start('order', ['migrate'], { DATABASE_URL: fresh.url });
  expect(await migration.ended()).toEqual({ code: 0, signal: null });
  await said('"started"');
}, 90_000);
