import { join } from 'node:path';
import type { Instance } from './instance.ts';
import { resolveNatsServer } from './nats-binary.ts';
import { type NatsServer, startNatsServer } from './nats-server.ts';
import type { PlatformPorts } from './platform-ports.ts';
import { type PostgresServer, startPostgres } from './postgres.ts';
import type { ServiceProcess } from './processes.ts';
import { identify } from './running.ts';

const readyMs = 60_000;

export interface ServerOptions {
  /** Forbids to fetch programs. */
  readonly offline?: boolean;
  /** Programs of another PostgreSQL. */
  readonly postgresBinDir?: string;
  readonly postgresSettings?: Readonly<Record<string, string>>;
  /** Every line of output of every process. */
  readonly onLine?: (name: string, line: string) => void;
  /** Ends the start when it is aborted; what has been started is stopped. */
  readonly signal?: AbortSignal;
}

export interface Platform {
  readonly nats: NatsServer;
  readonly postgres: PostgresServer;
  readonly processes: readonly ServiceProcess[];
  /** The replicas of a service; throws when it has none. */
  replicas(service: string): readonly [ServiceProcess, ...ServiceProcess[]];
  /** Starts NATS again on its data and port, after it was killed. */
  restartNats(): Promise<void>;
  restartPostgres(): Promise<void>;
  /** Services first, then NATS, then PostgreSQL. Safe to call again. */
  stop(): Promise<void>;
  /** SIGKILL to everything, at once. */
  forceStop(): void;
}

/** What runs of a platform, from the first server that is started to the last that stops. */
export class RunningPlatform implements Platform {
  readonly processes: ServiceProcess[] = [];
  private natsServer: NatsServer | undefined;
  private postgresServer: PostgresServer | undefined;
  private starting: { nats: () => Promise<NatsServer>; postgres: () => Promise<PostgresServer> } = {
    nats: notStarted,
    postgres: notStarted,
  };
  private stopped: Promise<void> | undefined;
  private readonly options: ServerOptions;
  private readonly dir: string;
  private readonly instance: Instance;

  constructor(options: ServerOptions, dir: string, instance: Instance) {
    this.options = options;
    this.dir = dir;
    this.instance = instance;
  }

  get nats(): NatsServer {
    if (this.natsServer === undefined) throw new Error('NATS is not started.');
    return this.natsServer;
  }

  get postgres(): PostgresServer {
    if (this.postgresServer === undefined) throw new Error('PostgreSQL is not started.');
    return this.postgresServer;
  }

  async startServers(
    ports: PlatformPorts,
    info: (line: string) => void,
    wanted: { readonly nats: boolean },
  ): Promise<void> {
    const { onLine = () => {}, postgresBinDir } = this.options;
    this.starting = {
      nats: wanted.nats ? await this.ownNats(ports.nats, info) : notStarted,
      postgres: () =>
        startPostgres({
          dataDir: join(this.dir, 'postgres'),
          port: ports.postgres,
          settings: this.options.postgresSettings ?? {},
          say: info,
          onLine: (line) => onLine('postgres', line),
          ...(postgresBinDir === undefined ? {} : { binDir: postgresBinDir }),
        }),
    };
    await this.restartPostgres();
    if (wanted.nats) await this.restartNats();
  }

  private async ownNats(port: number, info: (line: string) => void) {
    const { onLine = () => {}, offline = false } = this.options;
    const binary = await resolveNatsServer({ offline, say: info });
    info(`nats-server ${binary.version}, ${binary.how}`);
    const dataDir = join(this.dir, 'nats');
    const toNats = (line: string) => onLine('nats', line);
    return () => startNatsServer({ binary: binary.path, dataDir, port, onLine: toNats });
  }

  async restartNats(): Promise<void> {
    this.options.signal?.throwIfAborted();
    this.natsServer = await this.starting.nats();
    await this.note('nats', this.natsServer.pid);
  }

  async restartPostgres(): Promise<void> {
    this.options.signal?.throwIfAborted();
    this.postgresServer = await this.starting.postgres();
    await this.note('postgres', this.postgresServer.pid);
  }

  replicas(service: string): readonly [ServiceProcess, ...ServiceProcess[]] {
    const [first, ...others] = this.processes.filter((each) => each.service === service);
    if (first === undefined) throw new Error(`No replica of ${service} was started.`);
    return [first, ...others];
  }

  async readyOrAborted(process: ServiceProcess): Promise<void> {
    const { signal } = this.options;
    await Promise.race([
      process.ready(readyMs),
      ...(signal === undefined ? [] : [aborted(signal)]),
    ]);
  }

  stop(): Promise<void> {
    this.stopped ??= this.stopInOrder();
    return this.stopped;
  }

  forceStop(): void {
    for (const each of this.processes) each.kill('SIGKILL');
    this.natsServer?.kill('SIGKILL');
    this.postgresServer?.kill('SIGKILL');
  }

  private async stopInOrder(): Promise<void> {
    await Promise.all(this.processes.map((each) => each.stop()));
    await this.natsServer?.stop();
    await this.postgresServer?.stop();
    await this.instance.release();
  }

  private async note(name: string, pid: number): Promise<void> {
    const identity = await identify(pid);
    if (identity !== undefined) await this.instance.add(name, identity);
  }
}

function notStarted(): never {
  throw new Error('The platform is not started.');
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const fail = () => reject(signal.reason);
    if (signal.aborted) fail();
    signal.addEventListener('abort', fail, { once: true });
  });
}
