import { mkdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { streams } from '@windlass/contracts/streams.ts';
import { provision } from '@windlass/runtime/broker/provision.ts';
import { development } from '@windlass/runtime/broker/topology.ts';
import { buildServices } from './build.ts';
import { type Deployable, deployables } from './deployables.ts';
import { takeDirectory } from './instance.ts';
import { choosePorts } from './platform-ports.ts';
import { emptyPostgresData } from './postgres-directory.ts';
import { startService } from './processes.ts';
import { type Platform, RunningPlatform, type ServerOptions } from './running-platform.ts';

export interface PlatformOptions extends ServerOptions {
  /** Holds all data; kept over restarts. */
  readonly dir: string;
  /** `free`: whatever is free; otherwise the services' own, or those of the environment. */
  readonly ports?: 'free' | 'declared';
  /** Replicas by service name; 1 each when not said. 0 leaves a service out. */
  readonly replicas?: Readonly<Record<string, number>>;
  /** Over the environment of every service. */
  readonly env?: NodeJS.ProcessEnv;
  /** NATS that somebody else runs, with all streams and consumers in place. */
  readonly cluster?: {
    /** Addresses separated by commas. */
    readonly url: string;
    /** What a service needs to be let in. */
    readonly env: (service: string) => NodeJS.ProcessEnv;
  };
  /** Names of the services to start; all but operators when not said. */
  readonly services?: readonly string[];
  /** Empties `dir` first. */
  readonly fresh?: boolean;
  /** Whether the bundles are made first. On unless said. */
  readonly build?: boolean;
  /** Whether a service that ends is started again. Off unless said, for tests. */
  readonly keepRunning?: boolean;
  readonly say?: (level: 'info' | 'warn', line: string) => void;
  /** Kills everything when it is aborted, also what a start or a stop waits for. */
  readonly force?: AbortSignal;
}

/**
 * The whole platform on this machine: resolves when every service says that it is ready. When
 * anything fails, what was started is stopped again and the error is thrown.
 */
export async function startPlatform(options: PlatformOptions): Promise<Platform> {
  const dir = resolve(options.dir);
  const { say = () => {}, keepRunning = false } = options;
  const info = (line: string) => say('info', line);
  const wanted = await chosen(options);
  const instance = await takeDirectory(dir, info);
  const running = new RunningPlatform(options, dir, instance);
  options.force?.addEventListener('abort', () => running.forceStop(), { once: true });
  try {
    const ports = await choosePorts(wanted, options.replicas ?? {}, options.ports ?? 'free');
    if (options.fresh === true) await empty(dir);
    const building = options.build === false ? Promise.resolve() : buildServices(wanted);
    // Its failure is seen below; until then it must not count as unhandled.
    building.catch(() => {});
    await running.startServers(ports, info, { nats: options.cluster === undefined });
    const natsUrl = options.cluster?.url ?? running.nats.url;
    const services = wanted.map(({ service }) => service);
    for (const { name, database } of services) {
      if (database) await running.postgres.createDatabase(name);
    }
    if (options.cluster === undefined) {
      const connection = { servers: natsUrl };
      await provision({ connection, streams, services, environment: development });
    }
    await building;
    for (const replica of ports.replicas) {
      options.signal?.throwIfAborted();
      const dataDir = join(dir, 'services', replica.name);
      await mkdir(dataDir, { recursive: true });
      const env = {
        ...process.env,
        ...ports.urls,
        HOST: '127.0.0.1',
        PORT: `${replica.port}`,
        OPS_PORT: `${replica.opsPort}`,
        NATS_URL: natsUrl,
        DATABASE_URL: running.postgres.url(replica.service),
        DATA_DIR: dataDir,
        ...options.cluster?.env(replica.service),
        ...options.env,
      };
      running.processes.push(
        await startService({
          ...replica,
          env,
          keepRunning,
          say,
          onLine: options.onLine ?? (() => {}),
          onStarted: instance.add,
        }),
      );
    }
    await Promise.all(running.processes.map((each) => running.readyOrAborted(each)));
    return running;
  } catch (error) {
    await running.stop();
    throw error;
  }
}

async function chosen(options: PlatformOptions): Promise<readonly Deployable[]> {
  const all = await deployables();
  const byDefault = all.filter(({ service }) => service.role !== 'operator');
  const named = options.services ?? byDefault.map(({ service }) => service.name);
  const unknown = named.filter((name) => !all.some(({ service }) => service.name === name));
  if (unknown.length > 0) throw new Error(`There is no service ${unknown.join(' or ')}.`);
  return all.filter(({ service }) => named.includes(service.name));
}

/** Everything but the file that says that the directory is ours. */
async function empty(dir: string): Promise<void> {
  await emptyPostgresData(join(dir, 'postgres'));
  for (const name of ['nats', 'services']) {
    await rm(join(dir, name), { recursive: true, force: true });
  }
}
