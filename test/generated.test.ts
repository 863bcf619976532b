import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { generatedFiles } from '@windlass/local/generate.ts';
import { commandOf, synth } from '../cdk8s/command.ts';
import { services } from '../cdk8s/testing/manifests.ts';

const root = join(import.meta.dirname, '..');
const generated = generatedFiles();
/** On a machine that is busy with other tests. */
const synthMs = 60_000;

describe('the committed documents', () => {
  test.each([...generated.keys()])('%s is what `npm run generate` writes', (path) => {
    expect(readFileSync(join(root, path), 'utf8')).toBe(generated.get(path));
  });

  test('there is none that nothing generates any more', () => {
    const folders = ['services/contracts/generated', 'k8s/crds'];
    const present = folders.flatMap((folder) =>
      readdirSync(join(root, folder)).map((name) => `${folder}/${name}`),
    );
    expect(present.filter((path) => !generated.has(path))).toEqual([]);
  });
});

test(
  'the committed manifests and the chart are what `npm run synth` writes, and there are no others',
  async () => {
    const { lines } = await synth(commandOf(['--check']), services, root);
    expect(lines).toEqual([]);
  },
  synthMs,
);

test('k8s has no folder that nothing writes', () => {
  const known = ['ci', 'crds', 'dev', 'kind', 'prod', 'prod-addons'];
  expect(readdirSync(join(root, 'k8s')).sort()).toEqual(known);
});

test('charts has no folder that nothing writes', () => {
  expect(readdirSync(join(root, 'charts'))).toEqual(['windlass']);
});
