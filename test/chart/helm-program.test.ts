import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type TemporaryDirectory, temporaryDirectory } from '@windlass/local/directory.ts';
import { resolveHelm } from './helm-program.ts';

let directory: TemporaryDirectory;
beforeEach(async () => {
  directory = await temporaryDirectory();
});
afterEach(() => directory.remove());

/** A program that says a version and does nothing else. */
async function pretended(version: string): Promise<string> {
  const path = join(directory.path, 'bin', 'helm');
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `#!/bin/sh\necho "v${version}"\n`);
  await chmod(path, 0o755);
  return path;
}
const bare = () => ({ PATH: directory.path, XDG_CACHE_HOME: directory.path });

test('takes the one that HELM names', async () => {
  const path = await pretended('3.19.2+gabc');
  const found = await resolveHelm({ env: { ...bare(), HELM: path } });
  expect(found).toEqual({ path, how: 'named by HELM' });
});

test('takes the one on the PATH, also of the next generation', async () => {
  const path = await pretended('4.1.4');
  const found = await resolveHelm({ env: { ...bare(), PATH: dirname(path) } });
  expect(found).toEqual({ path, how: 'found on the PATH' });
});

test.each([
  ['too old', '3.17.4', 'is older than 3.18'],
  ['not Helm', 'ersion', 'does not run'],
])('refuses a HELM that is %s instead of looking elsewhere', async (_, version, why) => {
  const path = await pretended(version);
  await expect(resolveHelm({ env: { ...bare(), HELM: path } })).rejects.toThrow(why);
});

test('says what it has tried where there is none', async () => {
  const remedy = 'install Go, put it on the PATH or name it in HELM';
  expect(await resolveHelm({ env: bare(), offline: true })).toBe(
    `there is no Helm (not on the PATH; not in the cache): ${remedy}`,
  );
  expect(await resolveHelm({ env: bare() })).toBe(
    `there is no Helm (not on the PATH; not in the cache; no go to build it with): ${remedy}`,
  );
});
