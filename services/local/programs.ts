import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { errorText } from '@windlass/runtime/failure/error-text.ts';
import { type ChildOptions, run } from './child.ts';
import { exists } from './directory.ts';

/** How to look for a program that this machine may have, and may fetch or build. */
export interface Search {
  readonly env?: NodeJS.ProcessEnv;
  /** Forbids the steps that fetch something. */
  readonly offline?: boolean;
  /** Told what each step does and why it did not succeed. */
  readonly say?: (line: string) => void;
}

/** What was found, or a sentence that says why there is none. */
export type Found<T extends object> = T | string;

/** Tries a program or a directory of them; `how` it was found is for a person. */
export type Inspect<T extends object> = (path: string, how: string) => Promise<Found<T>>;

/** Whoever names a program means no other: a sentence then says what is wrong with this one. */
export async function namedBy<T extends object>(
  variable: string,
  env: NodeJS.ProcessEnv,
  inspect: Inspect<T>,
): Promise<Found<T> | undefined> {
  const named = env[variable];
  if (named === undefined || named === '') return undefined;
  const found = await inspect(named, `named by ${variable}`);
  return typeof found === 'string' ? `${variable} names ${named}, but ${found}.` : found;
}

/** What the first step finds, or why none has found anything. */
export async function firstFound<T extends object>(
  steps: readonly (() => Promise<Found<T>>)[],
  say: (reason: string) => void = () => {},
): Promise<T | readonly string[]> {
  const reasons: string[] = [];
  for (const step of steps) {
    const found = await step();
    if (typeof found !== 'string') return found;
    reasons.push(found);
    say(found);
  }
  return reasons;
}

/** What `make` finds; a sentence that begins with `problem` when it fails. */
export async function orWhyNot<T extends object>(
  problem: string,
  make: () => Promise<Found<T>>,
): Promise<Found<T>> {
  try {
    return await make();
  } catch (error) {
    return `${problem}: ${errorText(error)}`;
  }
}

/** The first of that name on the PATH, be it of use or not. */
export async function onPath<T extends object>(
  name: string,
  env: NodeJS.ProcessEnv,
  inspect: Inspect<T>,
): Promise<Found<T> | undefined> {
  for (const directory of (env.PATH ?? '').split(delimiter)) {
    const path = join(directory, name);
    if (directory !== '' && (await exists(path))) return await inspect(path, 'found on the PATH');
  }
  return undefined;
}

/** The version that a program tells of itself, at least the `minimum`: its first two numbers. */
export async function versionOf(
  command: string,
  args: readonly string[],
  minimum: readonly [number, number],
): Promise<Found<{ readonly version: string }>> {
  const { ok, output } = await run({ command, args });
  const [text, version, ...numbers] = /\bv?((\d+)\.(\d+)\.\d+\S*)/.exec(output) ?? [];
  if (!ok || version === undefined) return `it does not run (${output.trim() || 'no output'})`;
  const [major = 0, minor = 0] = numbers.map(Number);
  const isOld = major < minimum[0] || (major === minimum[0] && minor < minimum[1]);
  return isOld ? `${text} is older than ${minimum.join('.')}` : { version };
}

/**
 * Puts a file or a directory at `place`, whole or not at all: `make` works in a directory beside
 * it and answers with the path of what it has made. When another process is faster, what that has
 * made stays.
 */
export async function placed(
  place: string,
  make: (directory: string) => Promise<string>,
): Promise<void> {
  await mkdir(dirname(place), { recursive: true });
  const directory = await mkdtemp(join(dirname(place), 'making-'));
  try {
    const made = await make(directory);
    await rename(made, place).catch(async (error: unknown) => {
      if (!(await exists(place))) throw error;
    });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

export interface GoBuild {
  /** The directory of the `go.mod` that pins everything. */
  readonly module: string;
  readonly package: string;
  readonly linkerFlags: string;
  readonly output: string;
  readonly env: NodeJS.ProcessEnv;
}

/** With the toolchain that is there, and with nothing that the module does not pin. */
export async function goBuild({ module, linkerFlags, output, env, ...of }: GoBuild): Promise<void> {
  const args = ['build', '-mod=readonly', '-trimpath', '-ldflags', linkerFlags, '-o', output];
  await must({
    command: 'go',
    args: [...args, of.package],
    cwd: module,
    env: { ...env, CGO_ENABLED: '0', GOTOOLCHAIN: 'local', GOFLAGS: '' },
  });
}

export async function hasGo(env: NodeJS.ProcessEnv): Promise<boolean> {
  return (await run({ command: 'go', args: ['version'], env })).ok;
}

/** The output of a program; rejects with the end of it when the program fails. */
export async function must(options: Omit<ChildOptions, 'onLine'>): Promise<string> {
  const { ok, output } = await run(options);
  if (ok) return output;
  throw new Error(output.trim().split('\n').slice(-3).join(' ') || `${options.command} failed`);
}

/** Where the project keeps programs that it fetched or built, for all checkouts of a user. */
export function cacheDirectory(env: NodeJS.ProcessEnv): string {
  const base = env.XDG_CACHE_HOME;
  return join(base === undefined || base === '' ? join(homedir(), '.cache') : base, 'windlass');
}
