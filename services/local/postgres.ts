import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Database } from '@windlass/runtime/store/pool.ts';
import { type Child, type Exit, startChild } from './child.ts';
import { freePort } from './ports.ts';
import { locatePostgres, postgresUser } from './postgres-binaries.ts';
import { clearStaleLock, enterableDirectory, initialised } from './postgres-directory.ts';

const readyMs = 60_000;
const pollMs = 20;
const stopMs = 30_000;
/** What a server that was killed leaves running is gone within this time. */
const leftoverMs = 15_000;
/** Said by a server that finds such leftovers. */
const leftoverWords = /shared memory block .* is still in use|lock file .* already exists/;
const databaseName = /^[a-z][a-z0-9_-]{0,62}$/;

/** What the platform asks of PostgreSQL, on a laptop as elsewhere. */
const settings: Readonly<Record<string, string>> = {
  fsync: 'on',
  synchronous_commit: 'on',
  max_connections: '200',
  shared_buffers: '256MB',
  max_wal_size: '2GB',
  wal_compression: 'off',
  jit: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_checkpoints: 'off',
};

export interface PostgresOptions {
  /** Kept: a server that is started on it again has its databases. */
  readonly dataDir: string;
  /** 0: a free one. */
  readonly port: number;
  /** Programs of another PostgreSQL, for example `/usr/lib/postgresql/15/bin`. */
  readonly binDir?: string;
  /** Over those of the platform; `fsync: off` for tests. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Told which directories had to be chosen. */
  readonly say?: (line: string) => void;
  readonly onLine?: (line: string) => void;
}

export interface PostgresServer {
  readonly port: number;
  readonly pid: number;
  /** Where the data really is; not below `dataDir` when that was closed to PostgreSQL's user. */
  readonly cluster: string;
  readonly exited: Promise<Exit>;
  url(database: string): string;
  /** Nothing happens when it is there. */
  createDatabase(name: string): Promise<void>;
  /** Ends its sessions. Nothing happens when it is not there. */
  dropDatabase(name: string): Promise<void>;
  kill(signal: NodeJS.Signals): void;
  stop(): Promise<Exit>;
}

/**
 * Resolves when the server answers a query, after recovery if there was a crash. It listens on
 * 127.0.0.1 alone, where everybody is trusted. Throws with its last words when it does not start.
 */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const { say = () => {} } = options;
  const user = await postgresUser();
  const binaries = await locatePostgres(user, say, options.binDir);
  const directory = await enterableDirectory(options.dataDir, user, say);
  const all = { ...settings, ...options.settings };
  const cluster = await initialised(directory, binaries, user, all.fsync !== 'off');
  await clearStaleLock(cluster);
  const port = options.port === 0 ? await freePort() : options.port;
  const place = { listen_addresses: '127.0.0.1', unix_socket_directories: '', port: `${port}` };
  const start = () =>
    startChild({
      command: binaries.postgres,
      args: ['-D', cluster, ...Object.entries({ ...all, ...place }).flatMap(setting)],
      cwd: '/',
      ...(user === undefined ? {} : { user }),
      ...(options.onLine === undefined ? {} : { onLine: options.onLine }),
    });
  const child = await started(start, cluster);
  return {
    port,
    pid: child.pid,
    cluster,
    exited: child.exited,
    kill: child.kill,
    url: (database) => urlOf(port, database),
    createDatabase: (name) => createDatabase(port, name),
    async dropDatabase(name) {
      await query(port, `DROP DATABASE IF EXISTS "${checked(name)}" WITH (FORCE)`);
    },
    // Fast shutdown: sessions are ended, and nothing is left to recover.
    stop: () => child.stop('SIGINT', stopMs),
  };
}

function setting([name, value]: readonly [string, string]): string[] {
  return ['-c', `${name}=${value}`];
}

/** Tries again while the sessions of a killed server still hold its memory. */
async function started(start: () => Promise<Child>, cluster: string): Promise<Child> {
  const deadline = performance.now() + leftoverMs;
  for (;;) {
    const child = await start();
    const failure = await ready(child, cluster);
    if (failure === undefined) return child;
    await child.stop('SIGQUIT', stopMs);
    if (!leftoverWords.test(failure) || performance.now() > deadline) {
      throw new Error(`PostgreSQL did not start:\n${failure}`);
    }
    await pause();
  }
}

/** Nothing when the server takes connections, otherwise why it does not. */
async function ready(child: Child, cluster: string): Promise<string | undefined> {
  const deadline = performance.now() + readyMs;
  while (performance.now() < deadline) {
    if (!child.running()) {
      await child.drained;
      return child.tail();
    }
    // The file that pg_ctl waits for as well; the first line is the process, the eighth its state.
    const status = await readFile(join(cluster, 'postmaster.pid'), 'utf8').catch(() => '');
    const lines = status.split('\n').map((line) => line.trim());
    if (lines[0] === `${child.pid}` && lines[7] === 'ready') return undefined;
    await pause();
  }
  return `not ready after ${readyMs / 1_000} s\n${child.tail()}`;
}

async function createDatabase(port: number, name: string): Promise<void> {
  const text = `SELECT 1 FROM pg_database WHERE datname = '${checked(name)}'`;
  if ((await query(port, text)).length > 0) return;
  await query(port, `CREATE DATABASE "${name}"`);
}

/** Names come from service definitions and tests; the check keeps them out of SQL's way. */
function checked(name: string): string {
  if (!databaseName.test(name)) throw new Error(`"${name}" cannot name a database`);
  return name;
}

async function query(port: number, text: string): Promise<readonly unknown[]> {
  const database = new Database({
    url: urlOf(port, 'postgres'),
    max: 1,
    name: 'windlass-local',
    logger: { warn: () => {} },
    acquireTimeoutMs: 2_000,
  });
  try {
    return await database.query({ text });
  } finally {
    await database.close();
  }
}

function urlOf(port: number, database: string): string {
  return `postgresql://windlass@127.0.0.1:${port}/${database}`;
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, pollMs));
}
