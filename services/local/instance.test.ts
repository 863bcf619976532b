import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startChild } from './child.ts';
import { repository } from './directory.ts';
import { takeDirectory } from './instance.ts';
import { identify, isRunning } from './running.ts';

let base: string;
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'windlass-instance-'));
});
afterAll(() => rm(base, { recursive: true, force: true }));

test('refuses a directory that another launcher holds, until it is released', async () => {
  const dir = join(base, 'held');
  const first = await takeDirectory(dir, () => {});
  await expect(takeDirectory(dir, () => {})).rejects.toThrow(/Another windlass \(process \d+\)/);
  await first.release();
  await (await takeDirectory(dir, () => {})).release();
});

test('stops what a killed launcher has left running', async () => {
  const dir = join(base, 'left');
  const program = `
    const { takeDirectory } = await import('./services/local/instance.ts');
    const { startChild } = await import('./services/local/child.ts');
    const { identify } = await import('./services/local/running.ts');
    const instance = await takeDirectory(${JSON.stringify(dir)}, () => {});
    const child = await startChild({ command: 'sleep', args: ['600'] });
    await instance.add('order', await identify(child.pid));
    console.log(child.pid);
    process.kill(process.pid, 'SIGKILL');`;
  const lines: string[] = [];
  const launcher = await startChild({
    command: process.execPath,
    args: ['--import', 'tsx', '--input-type=module', '-e', program],
    cwd: repository,
    env: { ...process.env, NODE_OPTIONS: '' },
    onLine: (line) => lines.push(line),
  });
  expect(await launcher.exited).toMatchObject({ signal: 'SIGKILL' });
  const left = await identify(Number(lines[0]));
  expect(left).toBeDefined();
  const said: string[] = [];
  const instance = await takeDirectory(dir, (line) => said.push(line));
  expect(said).toEqual([expect.stringMatching(/^stopping order .* left over/)]);
  expect(left !== undefined && (await isRunning(left))).toBe(false);
  await instance.release();
}, 30_000);

test('knows a process from another one with its number', async () => {
  const me = await identify(process.pid);
  expect(me !== undefined && (await isRunning(me))).toBe(true);
  expect(await isRunning({ pid: process.pid, started: 'before' })).toBe(false);
});
