import { readdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { expect, test } from '@jest/globals';
import { buildServices } from './build.ts';
import { deployables } from './deployables.ts';

test('shows other readers of the tree nothing but bundles that are whole', async () => {
  const services = await deployables();
  const seen = new Set<string>();
  const bundled = new Set<string>();
  let done = false;
  const building = buildServices(services).finally(() => {
    done = true;
  });
  while (!done) {
    for (const { folder, bundle } of services) {
      for (const name of await readdir(folder)) if (/^dist.+|\.mjs$/.test(name)) seen.add(name);
      for (const name of await readdir(dirname(bundle)).catch(() => [])) bundled.add(name);
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await building;
  expect([...seen]).toEqual([]);
  // Made beside the bundle, so that renaming it into place is one step.
  expect([...bundled].filter((name) => !name.startsWith('making-'))).toEqual(['main.mjs']);
  for (const { bundle } of services) expect(await readdir(dirname(bundle))).toContain('main.mjs');
}, 60_000);
