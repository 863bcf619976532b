import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { resolveNatsServer } from './nats-binary.ts';
import { startNatsServer } from './nats-server.ts';
import { accepts, freePort } from './ports.ts';

let base: string;
let binary: string;

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'windlass-nats-'));
  binary = (await resolveNatsServer()).path;
}, 60_000);
afterAll(() => rm(base, { recursive: true, force: true }));

async function fake(name: string, output: string): Promise<string> {
  const path = join(base, name);
  await writeFile(path, `#!/bin/sh\necho '${output}'\n`);
  await chmod(path, 0o755);
  return path;
}

test('starts again on its directory and port after kill -9, and stops when it was halted', async () => {
  const dataDir = join(base, 'data');
  const first = await startNatsServer({ binary, dataDir, port: 0, monitoringPort: 0 });
  const healthy = await fetch(`${first.monitoringUrl}/healthz`);
  expect(await healthy.json()).toEqual({ status: 'ok' });
  first.kill('SIGKILL');
  expect(await first.exited).toEqual({ code: null, signal: 'SIGKILL' });
  const second = await startNatsServer({ binary, dataDir, port: first.port });
  expect(second.url).toBe(first.url);
  second.kill('SIGSTOP');
  expect(await second.stop()).toEqual({ code: 0, signal: null });
  expect(await accepts(first.port)).toBe(false);
}, 30_000);

test('says why it does not start', async () => {
  const port = await freePort();
  const other = createServer().listen(port, '127.0.0.1');
  const start = startNatsServer({ binary, dataDir: join(base, 'taken'), port });
  await expect(start).rejects.toThrow(/did not start:[\s\S]*address already in use/);
  other.close();
}, 30_000);

test('takes the server that NATS_SERVER names, and no other when that is unusable', async () => {
  const env = { ...process.env, NATS_SERVER: binary };
  expect(await resolveNatsServer({ env })).toMatchObject({ how: 'named by NATS_SERVER' });
  const old = await fake('old', 'nats-server: v2.11.9');
  const refused = resolveNatsServer({ env: { ...env, NATS_SERVER: old } });
  await expect(refused).rejects.toThrow(/but v2.11.9 is older than 2.12/);
  const absent = resolveNatsServer({ env: { ...env, NATS_SERVER: join(base, 'absent') } });
  await expect(absent).rejects.toThrow(/but it does not run/);
});

test('offline without any server says how to install one, and what was tried', async () => {
  await fake('nats-server', 'nats-server: v2.10.0');
  const said: string[] = [];
  const env = { PATH: base, XDG_CACHE_HOME: join(base, 'cache') };
  const found = resolveNatsServer({ env, offline: true, say: (line) => said.push(line) });
  await expect(found).rejects.toThrow(/There is no nats-server 2.12 or newer: install/);
  expect(said).toEqual([
    'nats-server on the PATH: v2.10.0 is older than 2.12',
    expect.stringMatching(/^nats-server: not in the cache/),
  ]);
});
