import { chown, mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './child.ts';
import { exists } from './directory.ts';
import {
  claimOpenPlace,
  openPlaceFor,
  type PostgresBinaries,
  type ProcessUser,
} from './postgres-binaries.ts';
import { commandOf } from './running.ts';

const making = 'making-';

/**
 * A directory that PostgreSQL's user may enter and write to: `wanted`, or an open place when
 * that is closed to it. Tried, because no look at the modes of all its parents can tell.
 */
export async function enterableDirectory(
  wanted: string,
  user: ProcessUser | undefined,
  say: (line: string) => void,
): Promise<string> {
  await mkdir(wanted, { recursive: true });
  if (user === undefined) return wanted;
  if (await canUse(wanted, user)) return wanted;
  const place = openPlaceFor(wanted);
  await claimOpenPlace(place);
  const open = join(place, 'data');
  await mkdir(open, { recursive: true });
  if (!(await canUse(open, user))) {
    throw new Error(`PostgreSQL's user can write neither to ${wanted} nor to ${open}.`);
  }
  say(`postgres: its user cannot enter ${wanted}, so the data is in ${open}`);
  return open;
}

/** Removes what a server on this directory has stored, wherever that had to be put. */
export async function emptyPostgresData(wanted: string): Promise<void> {
  await rm(wanted, { recursive: true, force: true });
  await rm(openPlaceFor(wanted), { recursive: true, force: true });
}

async function canUse(directory: string, user: ProcessUser): Promise<boolean> {
  await chown(directory, user.uid, user.gid);
  const script = 'cd "$1" && : > .probe && rm .probe';
  const args = ['-c', script, 'probe', directory];
  return (await run({ command: '/bin/sh', args, cwd: '/', user })).ok;
}

/**
 * The database cluster in `directory`. An initialisation that was interrupted leaves nothing
 * that a later one would mistake for a cluster.
 */
export async function initialised(
  directory: string,
  binaries: PostgresBinaries,
  user: ProcessUser | undefined,
  durable: boolean,
): Promise<string> {
  const cluster = join(directory, 'cluster');
  if (await exists(join(cluster, 'PG_VERSION'))) return cluster;
  for (const name of await readdir(directory)) {
    if (name.startsWith(making)) await rm(join(directory, name), { recursive: true, force: true });
  }
  const temporary = await mkdtemp(join(directory, making));
  if (user !== undefined) await chown(temporary, user.uid, user.gid);
  const made = await run({
    command: binaries.initdb,
    args: [
      ...['-D', temporary, '-U', 'windlass', '-A', 'trust', '-E', 'UTF8', '--locale=C'],
      ...(durable ? [] : ['--no-sync']),
    ],
    cwd: '/',
    env: { ...process.env, LC_ALL: 'C' },
    ...(user === undefined ? {} : { user }),
  });
  if (!made.ok) {
    await rm(temporary, { recursive: true, force: true });
    throw new Error(`initdb failed:\n${made.output}`);
  }
  await rename(temporary, cluster);
  return cluster;
}

/**
 * After a kill -9 the lock file names a process that is gone, which PostgreSQL notices, unless
 * its number was given to another program since: then the file is removed here. It stays in
 * every other case, because it also leads PostgreSQL to the shared memory of what may be left.
 */
export async function clearStaleLock(cluster: string): Promise<void> {
  const lock = join(cluster, 'postmaster.pid');
  const text = await readFile(lock, 'utf8').catch(() => '');
  const pid = Number(text.split('\n')[0]);
  if (!Number.isInteger(pid) || pid <= 0) return;
  const command = await commandOf(pid);
  if (command === undefined) return;
  if (!/postgres|postmaster/.test(command)) {
    await rm(lock, { force: true });
    return;
  }
  if (command.includes(cluster)) {
    throw new Error(`PostgreSQL (process ${pid}) already runs on ${cluster}.`);
  }
}
