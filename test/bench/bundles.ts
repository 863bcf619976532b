import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** CommonJS packages such as pg ask for `require`, which a module does not have. */
const banner =
  "import { createRequire as makeRequire } from 'node:module';" +
  'const require = makeRequire(import.meta.url);';

export interface Bundles {
  readonly generator: string;
  readonly bare: string;
  readonly probe: string;
  readonly sink: string;
  /** Loaded into services to profile them. */
  readonly profile: string;
}

/**
 * Makes the processes of the bench into bundles, just as the services are: the transformation
 * that runs TypeScript as it is wraps functions in ways that would be measured.
 */
export async function buildBundles(directory: string): Promise<Bundles> {
  const here = fileURLToPath(new URL('.', import.meta.url));
  const names = ['generator', 'bare', 'probe', 'sink', 'profile'] as const;
  await build({
    entryPoints: names.map((name) => ({ in: join(here, name, 'main.ts'), out: name })),
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    external: ['pg-native'],
    banner: { js: banner },
    outdir: directory,
    outExtension: { '.js': '.mjs' },
    logLevel: 'warning',
  });
  const bundleOf = (name: (typeof names)[number]) => join(directory, `${name}.mjs`);
  return {
    generator: bundleOf('generator'),
    bare: bundleOf('bare'),
    probe: bundleOf('probe'),
    sink: bundleOf('sink'),
    profile: bundleOf('profile'),
  };
}
