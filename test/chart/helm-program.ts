import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '../../services/local/child.ts';
import { exists } from '../../services/local/directory.ts';
import { cacheDirectory } from '../../services/local/nats-binary.ts';

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

export interface ResolveOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** Forbids the step that fetches and builds. */
  readonly offline?: boolean;
  /** Told what each step does and why it did not succeed. */
  readonly say?: (line: string) => void;
}

/**
 * Finds Helm: named by `HELM`, on the PATH, built before, or built with Go, which takes minutes.
 * Answers with a sentence where there is none. Two processes may do this at the same time.
 */
export async function resolveHelm(options: ResolveOptions = {}): Promise<HelmProgram | string> {
  const { env = process.env, offline = false, say = () => {} } = options;
  const named = env.HELM;
  if (named !== undefined && named !== '') {
    const found = await inspect(named, 'named by HELM');
    if (typeof found !== 'string') return found;
    throw new Error(`HELM names ${named}, but ${found}.`);
  }
  const cached = join(cacheDirectory(env), `helm-${await contentHash()}-${process.arch}`);
  const steps: readonly (() => Promise<HelmProgram | string>)[] = [
    () => fromPath(env),
    () => fromCache(cached),
    ...(offline ? [] : [() => fromGo(cached, env, say)]),
  ];
  const reasons: string[] = [];
  for (const step of steps) {
    const found = await step();
    if (typeof found !== 'string') return found;
    reasons.push(found);
  }
  const remedy = 'install Go, put it on the PATH or name it in HELM';
  return `there is no Helm (${reasons.join('; ')}): ${remedy}`;
}

/** Of what decides about the program. */
async function contentHash(): Promise<string> {
  const hash = createHash('sha256').update(linkerFlags);
  for (const file of ['go.mod', 'go.sum']) hash.update(await readFile(join(module, file)));
  return hash.digest('hex').slice(0, 12);
}

async function fromPath(env: NodeJS.ProcessEnv): Promise<HelmProgram | string> {
  for (const directory of (env.PATH ?? '').split(delimiter)) {
    const path = join(directory, 'helm');
    if (directory !== '' && (await exists(path))) return await inspect(path, 'found on the PATH');
  }
  return 'not on the PATH';
}

async function fromCache(cached: string): Promise<HelmProgram | string> {
  const path = join(cached, 'helm');
  return (await exists(path)) ? await inspect(path, 'from the cache') : 'not in the cache';
}

async function fromGo(
  cached: string,
  env: NodeJS.ProcessEnv,
  say: (line: string) => void,
): Promise<HelmProgram | string> {
  if (!(await run({ command: 'go', args: ['version'], env })).ok) return 'no go to build it with';
  say(`helm: building ${pinned} with go (some minutes, once)`);
  await mkdir(dirname(cached), { recursive: true });
  const making = await mkdtemp(`${cached}-making-`);
  try {
    const { ok, output } = await run({
      command: 'go',
      args: [
        ...['build', '-mod=readonly', '-trimpath', '-ldflags', linkerFlags],
        ...['-o', join(making, 'helm'), 'helm.sh/helm/v3/cmd/helm'],
      ],
      cwd: module,
      env: { ...env, CGO_ENABLED: '0', GOTOOLCHAIN: 'local', GOFLAGS: '' },
    });
    if (!ok) return `not built with go: ${output.split('\n').slice(-3).join(' ') || 'go failed'}`;
    await rename(making, cached).catch(async (error: unknown) => {
      // Another process may have been faster.
      if (!(await exists(cached))) throw error;
    });
    return await inspect(join(cached, 'helm'), 'built with go');
  } catch (error) {
    return `not built with go: ${error instanceof Error ? error.message : String(error)}`;
  } finally {
    await rm(making, { recursive: true, force: true });
  }
}

/** One that is too old, or that does not run, is none. */
async function inspect(path: string, how: string): Promise<HelmProgram | string> {
  const { ok, output } = await run({ command: path, args: ['version', '--short'] });
  const [, major, minor] = /^v(\d+)\.(\d+)/m.exec(output) ?? [];
  if (!ok || major === undefined) return `${path} does not run (${output.trim() || 'no output'})`;
  const found = [Number(major), Number(minor)] as const;
  const isOld = found[0] < minimum[0] || (found[0] === minimum[0] && found[1] < minimum[1]);
  if (isOld) return `${path} ${major}.${minor} is older than ${minimum.join('.')}`;
  return { path, how };
}
