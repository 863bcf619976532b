import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { startPlatform } from '@windlass/local/platform.ts';
import { emptyPostgresData } from '@windlass/local/postgres-directory.ts';
import type { Platform } from '@windlass/local/running-platform.ts';
import { Database } from '@windlass/runtime/store/pool.ts';
import { Audit } from './audit.ts';
import type { Bench } from './bench-context.ts';
import { skuCount, skuOf } from './generator/requests.ts';
import type { Group } from './machine.ts';

const onHand = 100_000_000;
const stockingAtOnce = 16;
/** The audit reads whole tables. */
const answerTimeoutMs = 60_000;

export interface StackOptions {
  readonly name: string;
  /** Services to start; all when not said. */
  readonly services?: readonly string[];
  readonly replicas?: Readonly<Record<string, number>>;
  readonly env?: NodeJS.ProcessEnv;
}

/** A real platform in a directory of its own, and what the bench looks at in it. */
export class Stack {
  readonly name: string;
  readonly platform: Platform;
  readonly audit: Audit;
  private readonly bench: Bench;
  private readonly directory: string;
  private readonly databases = new Map<string, Database>();

  private constructor(name: string, platform: Platform, bench: Bench, directory: string) {
    this.name = name;
    this.platform = platform;
    this.bench = bench;
    this.directory = directory;
    this.audit = new Audit(this);
  }

  static async start(bench: Bench, options: StackOptions): Promise<Stack> {
    const directory = join(bench.directory, options.name);
    await mkdir(directory);
    bench.say(`starting ${options.name}`);
    const postgresData = join(directory, 'postgres');
    const platform = await startPlatform({
      dir: directory,
      ports: 'free',
      build: false,
      signal: bench.signal,
      force: bench.force,
      // When a row was committed, by PostgreSQL's own clock.
      postgresSettings: { track_commit_timestamp: 'on' },
      env: { ...profiling(bench), ...options.env },
      ...(options.services === undefined ? {} : { services: options.services }),
      ...(options.replicas === undefined ? {} : { replicas: options.replicas }),
    }).catch(async (error) => {
      await emptyPostgresData(postgresData);
      throw error;
    });
    const stack = new Stack(options.name, platform, bench, directory);
    try {
      if (stack.has('inventory')) await stack.putStock();
      return stack;
    } catch (error) {
      await stack.stop();
      throw error;
    }
  }

  has(service: string): boolean {
    return this.platform.processes.some((process) => process.service === service);
  }

  /** The port that orders are sent to, of the first replica or the one with that number. */
  orderPort(replica = 0): number {
    const process = this.platform.replicas('order')[replica];
    if (process === undefined) throw new Error(`there is no order replica ${replica}`);
    return Number(new URL(process.url).port);
  }

  /** A connection of the bench itself; closed with the stack. */
  database(name: string): Database {
    const found = this.databases.get(name);
    if (found !== undefined) return found;
    const url = this.platform.postgres.url(name);
    const logger = { warn: () => undefined };
    const opened = new Database({ url, max: 1, name: 'windlass-bench', logger, answerTimeoutMs });
    this.databases.set(name, opened);
    return opened;
  }

  /** Everything whose CPU time is told, each service with all its replicas. */
  groups(): readonly Group[] {
    const { platform } = this;
    const services = new Map<string, number[]>();
    for (const { service, pid } of platform.processes) {
      services.set(service, [...(services.get(service) ?? []), pid]);
    }
    return [
      ...[...services].map(([name, pids]) => ({ name, pids })),
      { name: 'nats', pids: [platform.nats.pid] },
      { name: 'postgres', pids: [platform.postgres.pid], withChildren: true },
    ];
  }

  /** Begins or ends the CPU profiles, where they are wanted. */
  toggleProfiles(): void {
    if (this.bench.profiles === undefined) return;
    for (const process of this.platform.processes) process.kill('SIGUSR2');
  }

  async stop(): Promise<void> {
    await Promise.all([...this.databases.values()].map((database) => database.close()));
    await this.platform.stop();
    await emptyPostgresData(join(this.directory, 'postgres'));
    this.bench.say(`stopped ${this.name}`);
  }

  private async putStock(): Promise<void> {
    const [{ url }] = this.platform.replicas('inventory');
    const body = JSON.stringify({ onHand });
    const headers = { 'content-type': 'application/json' };
    let next = 0;
    const put = async () => {
      while (next < skuCount) {
        const address = `${url}/v1/stock/${skuOf(next++)}`;
        const answer = await fetch(address, { method: 'PUT', headers, body });
        const text = await answer.text();
        if (!answer.ok) throw new Error(`stock was refused: ${answer.status} ${text}`);
      }
    };
    await Promise.all(Array.from({ length: stockingAtOnce }, put));
  }
}

function profiling({ profiles, bundles }: Bench): NodeJS.ProcessEnv {
  if (profiles === undefined) return {};
  const preload = pathToFileURL(bundles.profile).href;
  return { NODE_OPTIONS: `--import ${preload}`, BENCH_PROFILES: profiles };
}
