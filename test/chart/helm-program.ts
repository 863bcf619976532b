import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { exists } from '../../services/local/directory.ts';
import {
  cacheDirectory,
  type Found,
  firstFound,
  goBuild,
  hasGo,
  namedBy,
  onPath,
  orWhyNot,
  placed,
  type Search,
  versionOf,
} from '../../services/local/programs.ts';

/** Older ones do not know the draft of the schema of the values. */
const minimum = [3, 18] as const;
/** The version that `helm/go.mod` pins, and the Kubernetes that its libraries are of. */
const pinned = '3.22.0';
const kubernetes = ['1', '37'] as const;
const linkerFlags = [
  '-s -w',
  `-X helm.sh/helm/v3/internal/version.version=v${pinned}`,
  // What charts are rendered for where no cluster is asked.
  `-X helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=${kubernetes[0]}`,
  `-X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=${kubernetes[1]}`,
].join(' ');
const module = join(dirname(fileURLToPath(import.meta.url)), 'helm');

export interface HelmProgram {
  readonly path: string;
  /** Where it was found, for a person. */
  readonly how: string;
}

/**
 * Finds Helm: named by `HELM`, on the PATH, built before, or built with Go, which takes minutes.
 * Answers with a sentence where there is none. Two processes may do this at the same time.
 */
export async function resolveHelm(options: Search = {}): Promise<Found<HelmProgram>> {
  const { env = process.env, offline = false, say = () => {} } = options;
  const named = await namedBy('HELM', env, inspect);
  if (typeof named === 'string') throw new Error(named);
  if (named !== undefined) return named;
  const cached = join(cacheDirectory(env), `helm-${await contentHash()}-${process.arch}`);
  const found = await firstFound<HelmProgram>([
    async () => (await onPath('helm', env, inspect)) ?? 'not on the PATH',
    () => fromCache(cached),
    ...(offline ? [] : [() => fromGo(cached, env, say)]),
  ]);
  if ('path' in found) return found;
  const remedy = 'install Go, put it on the PATH or name it in HELM';
  return `there is no Helm (${found.join('; ')}): ${remedy}`;
}

/** Of what decides about the program. */
async function contentHash(): Promise<string> {
  const hash = createHash('sha256').update(linkerFlags);
  for (const file of ['go.mod', 'go.sum']) hash.update(await readFile(join(module, file)));
  return hash.digest('hex').slice(0, 12);
}

async function fromCache(cached: string): Promise<Found<HelmProgram>> {
  const path = join(cached, 'helm');
  return (await exists(path)) ? await inspect(path, 'from the cache') : 'not in the cache';
}

async function fromGo(
  cached: string,
  env: NodeJS.ProcessEnv,
  say: (line: string) => void,
): Promise<Found<HelmProgram>> {
  if (!(await hasGo(env))) return 'no go to build it with';
  say(`helm: building ${pinned} with go (some minutes, once)`);
  return await orWhyNot('not built with go', async () => {
    await placed(cached, async (directory) => {
      const output = join(directory, 'helm');
      await goBuild({ module, package: 'helm.sh/helm/v3/cmd/helm', linkerFlags, output, env });
      return directory;
    });
    return await inspect(join(cached, 'helm'), 'built with go');
  });
}

async function inspect(path: string, how: string): Promise<Found<HelmProgram>> {
  const found = await versionOf(path, ['version', '--short'], minimum);
  return typeof found === 'string' ? found : { path, how };
}
