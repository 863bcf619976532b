import { rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { run } from './child.ts';
import { type Deployable, deployables } from './deployables.ts';
import { repository } from './directory.ts';

/** CommonJS packages such as express and pg ask for `require`, which a module does not have. */
const banner =
  "import { createRequire as makeRequire } from 'node:module';" +
  'const require = makeRequire(import.meta.url);';

/**
 * Bundles `main.ts` of every deployable into its `dist/main.mjs`, all with one call of esbuild.
 * The program and not its library is used, because the library refuses to run inside jest.
 * Bundles are renamed into place: a service that starts meanwhile reads an old or a new one.
 *
 * There are no source maps: reading one for the first stack takes more heap than a service has.
 * Without white space a process keeps 10 MB less; names are kept, so stacks can be read.
 */
export async function buildServices(services?: readonly Deployable[]): Promise<void> {
  const wanted = services ?? (await deployables());
  if (wanted.length === 0) return;
  // Where nobody looks for sources, neither the compiler nor the tests of the tree.
  const making = `dist/making-${process.pid}`;
  // All folders have the same parent, below which esbuild repeats their names.
  const parent = dirname(wanted[0]?.folder ?? repository);
  const { ok, output } = await run({
    command: esbuildProgram(),
    args: [
      ...wanted.map(({ folder }) => join(folder, 'main.ts')),
      ...['--bundle', '--platform=node', '--target=node20', '--format=esm'],
      ...['--minify-syntax', '--minify-whitespace', '--line-limit=200'],
      ...['--external:pg-native', '--log-level=warning', `--banner:js=${banner}`],
      ...[`--outbase=${parent}`, `--outdir=${parent}`, '--out-extension:.js=.mjs'],
      `--entry-names=[dir]/${making}/[name]`,
    ],
    cwd: repository,
  });
  try {
    if (!ok) throw new Error(`The services cannot be built:\n${output}`);
    for (const { folder, bundle } of wanted) {
      await rename(join(folder, making, 'main.mjs'), bundle);
    }
  } finally {
    for (const { folder } of wanted)
      await rm(join(folder, making), { recursive: true, force: true });
  }
}

/** The program itself: what `node_modules/.bin` has may be a script that starts it. */
function esbuildProgram(): string {
  const library = createRequire(import.meta.url).resolve('esbuild');
  const program = process.platform === 'win32' ? 'esbuild.exe' : 'bin/esbuild';
  return createRequire(library).resolve(`@esbuild/${process.platform}-${process.arch}/${program}`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const started = performance.now();
  const found = await deployables();
  await buildServices(found);
  for (const { bundle } of found) process.stdout.write(`${relative(repository, bundle)}\n`);
  const took = Math.round(performance.now() - started);
  process.stdout.write(`${found.length} services built in ${took} ms\n`);
}
