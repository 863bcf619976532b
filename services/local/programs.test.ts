import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type TemporaryDirectory, temporaryDirectory } from './directory.ts';
import { firstFound, must, namedBy, onPath, placed, versionOf } from './programs.ts';

let directory: TemporaryDirectory;
beforeEach(async () => {
  directory = await temporaryDirectory();
});
afterEach(() => directory.remove());

async function program(name: string, script: string): Promise<string> {
  const path = join(directory.path, name);
  await writeFile(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return path;
}

test.each([
  ['tool v1.9.4', 'v1.9.4 is older than 1.10'],
  ['tool, version 1.10.0+ds (branch: debian)', { version: '1.10.0+ds' }],
  ['v2.0.0-rc.1', { version: '2.0.0-rc.1' }],
  ['nothing', 'it does not run (nothing)'],
])('reads the version of a program that says "%s"', async (line, expected) => {
  const path = await program('tool', `echo '${line}'`);
  expect(await versionOf(path, ['--version'], [1, 10])).toEqual(expected);
});

test('takes the first of its name on the PATH, and nothing from an empty entry', async () => {
  const path = await program('tool', 'exit 0');
  const env = { PATH: ['', '/nowhere', directory.path].join(':') };
  const inspect = async (found: string, how: string) => ({ found, how });
  expect(await onPath('tool', env, inspect)).toEqual({ found: path, how: 'found on the PATH' });
  expect(await onPath('other', env, inspect)).toBeUndefined();
});

test('an empty variable names nothing', async () => {
  const inspect = async () => 'it is none';
  expect(await namedBy('TOOL', { TOOL: '' }, inspect)).toBeUndefined();
  expect(await namedBy('TOOL', { TOOL: '/x' }, inspect)).toBe('TOOL names /x, but it is none.');
});

test('stops at the first step that finds something', async () => {
  const found = { path: '/x' };
  const never = () => Promise.reject(new Error('asked for nothing'));
  expect(await firstFound([async () => 'not here', async () => found, never])).toBe(found);
  expect(await firstFound([async () => 'not here', async () => 'nor there'])).toEqual([
    'not here',
    'nor there',
  ]);
});

test.each(['a file', 'a directory'])(
  'puts %s into its place once, whoever makes it',
  async (of) => {
    const place = join(directory.path, 'cache', 'tool');
    const file = of === 'a file' ? place : join(place, 'bin');
    const make = (text: string) => (making: string) =>
      writeFile(join(making, 'bin'), text).then(() =>
        of === 'a file' ? join(making, 'bin') : making,
      );
    await Promise.all(['one', 'two', 'three'].map((text) => placed(place, make(text))));
    expect(['one', 'two', 'three']).toContain(await readFile(file, 'utf8'));
    expect(await readdir(join(directory.path, 'cache'))).toEqual(['tool']);
  },
);

test('leaves nothing behind of what could not be made', async () => {
  const place = join(directory.path, 'cache', 'tool');
  const failing = placed(place, async (making) => {
    await mkdir(join(making, 'half'));
    throw new Error('no room');
  });
  await expect(failing).rejects.toThrow('no room');
  expect(await readdir(join(directory.path, 'cache'))).toEqual([]);
});

test('tells the end of what a failed program has said', async () => {
  const command = await program('tool', 'for line in 1 2 3 4; do echo "$line"; done; exit 1');
  await expect(must({ command, args: [] })).rejects.toThrow(/^2 3 4$/);
  const silent = await program('silent', 'exit 1');
  await expect(must({ command: silent, args: [] })).rejects.toThrow(`${silent} failed`);
});
