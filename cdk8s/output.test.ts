import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type TemporaryDirectory, temporaryDirectory } from '@windlass/local/directory.ts';
import { differences, type Output, write } from './output.ts';

let directory: TemporaryDirectory;
beforeEach(async () => {
  directory = await temporaryDirectory();
});
afterEach(() => directory.remove());

const outputOf = (files: Readonly<Record<string, string>>): Output => ({
  folders: ['dev', 'prod'],
  files: new Map(Object.entries(files)),
});

async function written(output: Output) {
  const found = await differences(directory.path, output);
  await write(directory.path, output, found);
  return found.map(({ path, state }) => `${state} ${path}`);
}

test('files that are not there are made, with their folders', async () => {
  const output = outputOf({ 'dev/a.yaml': 'a', 'prod/deep/b.yaml': 'b' });
  expect(await written(output)).toEqual(['new dev/a.yaml', 'new prod/deep/b.yaml']);
  expect(await readFile(join(directory.path, 'prod/deep/b.yaml'), 'utf8')).toBe('b');
  expect(await readdir(join(directory.path, 'dev'))).toEqual(['a.yaml']);
});

test('nothing is written when nothing has changed', async () => {
  const output = outputOf({ 'dev/a.yaml': 'a', 'dev/b.yaml': 'b' });
  await written(output);
  const before = await stat(join(directory.path, 'dev/a.yaml'));
  expect(await written(output)).toEqual([]);
  const after = await stat(join(directory.path, 'dev/a.yaml'));
  expect([after.mtimeMs, after.ino]).toEqual([before.mtimeMs, before.ino]);
});

test('only what has changed is written', async () => {
  await written(outputOf({ 'dev/a.yaml': 'a', 'dev/b.yaml': 'b' }));
  const before = await stat(join(directory.path, 'dev/a.yaml'));
  expect(await written(outputOf({ 'dev/a.yaml': 'a', 'dev/b.yaml': 'B' }))).toEqual([
    'changed dev/b.yaml',
  ]);
  expect((await stat(join(directory.path, 'dev/a.yaml'))).ino).toBe(before.ino);
  expect(await readFile(join(directory.path, 'dev/b.yaml'), 'utf8')).toBe('B');
});

test('a file that nothing renders any more goes, but not from other folders', async () => {
  await mkdir(join(directory.path, 'crds'));
  await writeFile(join(directory.path, 'crds/kept.yaml'), 'kept');
  await written(outputOf({ 'dev/a.yaml': 'a', 'prod/deep/b.yaml': 'b' }));
  expect(await written(outputOf({ 'dev/a.yaml': 'a' }))).toEqual(['stale prod/deep/b.yaml']);
  expect(await readdir(join(directory.path, 'prod/deep'))).toEqual([]);
  expect(await readdir(join(directory.path, 'crds'))).toEqual(['kept.yaml']);
});
