import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type TemporaryDirectory, temporaryDirectory } from '@windlass/local/directory.ts';
import { writeFiles } from './volume-files.ts';

let directory: TemporaryDirectory;
beforeAll(async () => {
  directory = await temporaryDirectory();
});
afterAll(() => directory.remove());

function files(contents: Readonly<Record<string, string>>): Map<string, Buffer> {
  return new Map(Object.entries(contents).map(([path, text]) => [path, Buffer.from(text)]));
}

/** What a program sees: the kubelet's own entries begin with two dots. */
async function seen(path: string): Promise<Record<string, string>> {
  const names = (await readdir(path)).filter((name) => !name.startsWith('..'));
  const texts = await Promise.all(names.map((name) => readFile(join(path, name), 'utf8')));
  return Object.fromEntries(names.map((name, index) => [name, texts[index] ?? '']));
}

test('replaces all files at once, and leaves those that are the same', async () => {
  const path = join(directory.path, 'volume');
  await expect(writeFiles(path, files({ one: '1', two: '2' }))).resolves.toBe(true);
  await expect(writeFiles(path, files({ one: '1', two: '2' }))).resolves.toBe(false);
  await expect(writeFiles(path, files({ one: '1', three: '3' }))).resolves.toBe(true);
  await expect(seen(path)).resolves.toEqual({ one: '1', three: '3' });
  expect((await readdir(path)).filter((name) => name.startsWith('..'))).toHaveLength(2);
});

test('makes the folders of paths', async () => {
  const path = join(directory.path, 'deep');
  await writeFiles(path, files({ 'a/b': 'text' }));
  await expect(readFile(join(path, 'a', 'b'), 'utf8')).resolves.toBe('text');
});
