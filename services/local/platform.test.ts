import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type TemporaryDirectory, temporaryDirectory } from './directory.ts';
import { startPlatform } from './platform.ts';
import { choosePorts } from './platform-ports.ts';
import { accepts } from './ports.ts';

let directory: TemporaryDirectory;
beforeAll(async () => {
  directory = await temporaryDirectory();
});
afterAll(() => directory.remove());

test('starts the servers without any service, and restarts them after kill -9', async () => {
  const postgresSettings = { fsync: 'off' };
  const platform = await startPlatform({ dir: directory.path, services: [], postgresSettings });
  const ports = [platform.nats.port, platform.postgres.port];
  platform.nats.kill('SIGKILL');
  platform.postgres.kill('SIGKILL');
  await Promise.all([platform.nats.exited, platform.postgres.exited]);
  await platform.restartNats();
  await platform.restartPostgres();
  expect([platform.nats.port, platform.postgres.port]).toEqual(ports);
  await platform.stop();
  expect(await Promise.all(ports.map((port) => accepts(port)))).toEqual([false, false]);
}, 60_000);

test('stops what it has started when the start is aborted', async () => {
  const start = startPlatform({ dir: directory.path, signal: AbortSignal.abort(new Error('no')) });
  await expect(start).rejects.toThrow('no');
  const again = await startPlatform({ dir: directory.path, services: [] });
  await again.stop();
}, 60_000);

test('gives replicas ports of their own, and callers the address of the first', async () => {
  const service = { name: 'order-desk', port: 18_080, resources: { memoryMiB: 64 } };
  const bundle = 'main.mjs';
  const deployable = { bundle, folder: '', service } as unknown as Parameters<
    typeof choosePorts
  >[0][number];
  const env = { ORDER_DESK_PORT: '28081', NATS_PORT: '28082', POSTGRES_PORT: '28083' };
  const ports = await choosePorts([deployable], { 'order-desk': 2 }, 'declared', env);
  const [first, second] = ports.replicas;
  expect(first).toMatchObject({ name: 'order-desk-1', port: 28_081, opsPort: 29_081 });
  expect(second?.name).toBe('order-desk-2');
  expect(new Set(ports.replicas.flatMap(({ port, opsPort }) => [port, opsPort])).size).toBe(4);
  expect(ports.urls).toEqual({ ORDER_DESK_URL: 'http://127.0.0.1:28081' });
});
