import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { generatedFiles } from '@windlass/local/generate.ts';

const root = join(import.meta.dirname, '..');
const generated = generatedFiles();

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
