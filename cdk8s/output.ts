import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { failedWith } from '@windlass/local/directory.ts';

export interface Difference {
  /** From the root of all output. */
  readonly path: string;
  readonly state: 'new' | 'changed' | 'stale';
}

/** All files of some folders, by their paths. */
export interface Output {
  readonly folders: readonly string[];
  readonly files: ReadonlyMap<string, string>;
}

/** What has to be done so that the folders hold these files and no others. */
export async function differences(root: string, output: Output): Promise<readonly Difference[]> {
  const found: Difference[] = [];
  for (const [path, text] of output.files) {
    const present = await textOf(join(root, path));
    if (present !== text) found.push({ path, state: present === undefined ? 'new' : 'changed' });
  }
  for (const folder of output.folders) {
    for (const path of await filesBelow(root, folder)) {
      if (!output.files.has(path)) found.push({ path, state: 'stale' });
    }
  }
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/**
 * Does it, and touches no other file: whoever watches the folders would deploy for nothing. A
 * reader sees an old or a new file, never half of one.
 */
export async function write(
  root: string,
  { files }: Output,
  found: readonly Difference[],
): Promise<void> {
  for (const { path, state } of found) {
    const file = join(root, path);
    if (state === 'stale') await rm(file);
    else {
      await mkdir(dirname(file), { recursive: true });
      await writeFile(`${file}.new`, files.get(path) ?? '');
      await rename(`${file}.new`, file);
    }
  }
}

async function textOf(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (failedWith(error, 'ENOENT')) return undefined;
    throw error;
  }
}

async function filesBelow(root: string, folder: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(join(root, folder), { withFileTypes: true });
    const nested = entries.map(async (entry) => {
      const path = `${folder}/${entry.name}`;
      return entry.isDirectory() ? await filesBelow(root, path) : [path];
    });
    return (await Promise.all(nested)).flat();
  } catch (error) {
    if (failedWith(error, 'ENOENT')) return [];
    throw error;
  }
}
