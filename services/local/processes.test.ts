import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { freePort } from './ports.ts';
import { type ServiceProcess, startService } from './processes.ts';

const program = `
  import { createServer } from 'node:http';
  createServer((_, answer) => answer.end()).listen(Number(process.env.OPS_PORT), '127.0.0.1');
  console.log('started ' + process.pid);
  process.on('SIGTERM', () => { console.log('draining'); process.exit(0); });`;
let base: string;
let bundle: string;
let service: ServiceProcess;
const said: string[] = [];

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'windlass-processes-'));
  bundle = join(base, 'main.mjs');
  await writeFile(bundle, program);
});
afterEach(async () => {
  await service.stop();
  said.length = 0;
});
afterAll(() => rm(base, { recursive: true, force: true }));

async function start(keepRunning: boolean, file = bundle): Promise<ServiceProcess> {
  const opsPort = await freePort();
  service = await startService({
    ...{ name: 'probe-1', service: 'probe', bundle: file, port: 1, opsPort, keepRunning },
    memoryMiB: 128,
    env: { ...process.env, NODE_OPTIONS: '', OPS_PORT: `${opsPort}` },
    onLine: () => {},
    say: (_level, line) => said.push(line),
    onStarted: async () => {},
  });
  return service;
}

test('starts a service again that was killed', async () => {
  await start(true);
  await service.ready(10_000);
  const { pid } = service;
  service.kill('SIGKILL');
  await service.exited();
  await service.ready(10_000);
  expect(service.pid).not.toBe(pid);
  expect(said).toEqual(['probe-1 ended (SIGKILL); starting again in 500 ms']);
  expect(service.lines().filter((line) => line.startsWith('started'))).toHaveLength(2);
}, 30_000);

test('leaves a service down that was killed when it is not to be kept running', async () => {
  await start(false);
  await service.ready(10_000);
  service.kill('SIGKILL');
  await service.exited();
  expect(service.running()).toBe(false);
  await service.restart();
  await service.ready(10_000);
  expect(service.running()).toBe(true);
}, 30_000);

test('stops with SIGTERM, and does not start it again', async () => {
  await start(true);
  await service.ready(10_000);
  expect(await service.stop()).toEqual({ code: 0, signal: null });
  expect(service.lines().at(-1)).toBe('draining');
  expect(said).toEqual([]);
}, 30_000);

test('says the last words of a service that does not get ready', async () => {
  const broken = join(base, 'broken.mjs');
  await writeFile(broken, `throw new Error('no configuration');`);
  await start(false, broken);
  await expect(service.ready(10_000)).rejects.toThrow(/ended before[\s\S]*no configuration/);
}, 30_000);
