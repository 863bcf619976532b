import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { jest } from '@jest/globals';
import type { ServiceDefinition } from '@windlass/contracts/service.ts';
import { service as inventory } from '@windlass/inventory/service.ts';
import { type TemporaryDirectory, temporaryDirectory } from '@windlass/local/directory.ts';
import { startPlatform } from '@windlass/local/platform.ts';
import { emptyPostgresData } from '@windlass/local/postgres-directory.ts';
import type { ServiceProcess } from '@windlass/local/processes.ts';
import type { Platform } from '@windlass/local/running-platform.ts';
import { defaultTiming, type Timing } from '@windlass/order/order.ts';
import { service as order } from '@windlass/order/service.ts';
import { service as payment } from '@windlass/payment/service.ts';
import { Broker } from '@windlass/runtime/broker/connection.ts';
import type { Step } from '@windlass/runtime/broker/steps.ts';
import { Database } from '@windlass/runtime/store/pool.ts';
import { owedBy } from '@windlass/runtime/testing/owed.ts';
import { Shop } from './shop.ts';

/** Generous, because many tests share few processors; nothing waits longer than it must. */
jest.setTimeout(60_000);

const quiet = { info: () => {}, warn: () => {}, error: () => {} };
const killer = pathToFileURL(join(import.meta.dirname, 'kill-at.mjs')).href;
const workers = { order, inventory, payment } as const;
export type Worker = keyof typeof workers;
export const workerNames = ['order', 'inventory', 'payment'] as const;

/** Short where a case waits for it, long where a slow machine must not reach it. */
const shortTimes = {
  LOG_LEVEL: 'warn',
  PROVIDER_TIMEOUT_MS: '1000',
  LOOKUP_BASE_MS: '250',
  LOOKUP_MAX_MS: '1000',
  RETRY_BASE_MS: '50',
  RETRY_MAX_MS: '500',
  BREAKER_OPEN_MS: '500',
  BREAKER_OPEN_MAX_MS: '1000',
  HOT_LANE_ALLOWED: 'true',
};

export interface StackOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** Services to start; all when not said. */
  readonly services?: readonly string[];
  /** Over the 30 s of the consumers: how soon a killed replica's messages come again. */
  readonly ackWaitMs?: number;
}

/** The platform with two replicas of each worker, and ways to look into everything it has. */
export class Stack {
  readonly platform: Platform;
  readonly broker: Broker;
  /** The API of each replica of the order service. */
  readonly shops: readonly [Shop, Shop];
  /** What the deadlines of orders are made of. */
  readonly orderTiming: Timing;
  /** Where everything that runs keeps its data. */
  readonly directory: TemporaryDirectory;
  private readonly pools = new Map<Worker, Database>();

  private constructor(platform: Platform, directory: TemporaryDirectory, env: NodeJS.ProcessEnv) {
    this.platform = platform;
    this.directory = directory;
    const { RESERVE_DEADLINE_MS, PAY_DEADLINE_MS, RECONCILE_MS } = env;
    this.orderTiming = {
      reserveDeadlineMs: Number(RESERVE_DEADLINE_MS ?? defaultTiming.reserveDeadlineMs),
      payDeadlineMs: Number(PAY_DEADLINE_MS ?? defaultTiming.payDeadlineMs),
      reconcileMs: Number(RECONCILE_MS ?? defaultTiming.reconcileMs),
    };
    this.broker = new Broker({ servers: [platform.nats.url], name: 'journey', logger: quiet });
    const urls = (name: string) =>
      platform.processes.filter(({ service }) => service === name).map(({ url }) => url);
    const [first = '', second = first] = urls('order');
    const others = { inventory: urls('inventory')[0] ?? '', provider: urls('provider')[0] ?? '' };
    this.shops = [new Shop(first, others), new Shop(second, others)];
  }

  static async start(options: StackOptions = {}): Promise<Stack> {
    const directory = await temporaryDirectory();
    const platform = await startPlatform({
      dir: directory.path,
      replicas: { order: 2, inventory: 2, payment: 2 },
      postgresSettings: { fsync: 'off', shared_buffers: '64MB' },
      env: { ...shortTimes, NODE_OPTIONS: `--import ${killer}`, ...options.env },
      ...(options.services === undefined ? {} : { services: options.services }),
    });
    const stack = new Stack(platform, directory, options.env ?? {});
    stack.broker.start();
    try {
      if (options.ackWaitMs !== undefined) await stack.setAckWait(options.ackWaitMs);
    } catch (error) {
      await stack.stop();
      throw error;
    }
    return stack;
  }

  /** Replicas of a worker; two unless the test has stopped one for good. */
  replicas(worker: Worker): readonly ServiceProcess[] {
    return this.platform.replicas(worker);
  }

  database(worker: Worker): Database {
    const found = this.pools.get(worker);
    if (found !== undefined) return found;
    const url = this.platform.postgres.url(worker);
    const made = new Database({ url, max: 2, name: 'journey', logger: quiet });
    this.pools.set(worker, made);
    return made;
  }

  async rows<Row extends Record<string, unknown>>(
    worker: Worker,
    text: string,
    values: readonly unknown[] = [],
  ): Promise<Row[]> {
    return await this.database(worker).query<Row>({ text, values });
  }

  /** Holds every replica of a worker still, as if it was not there. */
  hold(worker: Worker): void {
    for (const replica of this.replicas(worker)) replica.kill('SIGSTOP');
  }

  release(worker: Worker): void {
    for (const replica of this.replicas(worker)) replica.kill('SIGCONT');
  }

  /** What `work` does while a worker is held. */
  async without<Result>(worker: Worker, work: () => Promise<Result>): Promise<Result> {
    this.hold(worker);
    try {
      return await work();
    } finally {
      this.release(worker);
    }
  }

  /**
   * Makes a replica die at the nth time that it reaches a step from now on; no step: never
   * again. A replica that does not run is told when it starts.
   */
  async killAt(replica: ServiceProcess | undefined, step: Step | undefined, nth: number) {
    const file = join(this.directory.path, 'services', replica?.name ?? '', 'kill-at');
    if (step === undefined) {
      await rm(file, { force: true });
      return;
    }
    await writeFile(file, `${step} ${nth}`);
    replica?.kill('SIGUSR2');
  }

  private readonly ask = async (api: string, body: object): Promise<Record<string, unknown>> => {
    const connection = await this.broker.ready();
    const request = JSON.stringify(body);
    return (await connection.request(`$JS.API.${api}`, request, { timeout: 5_000 })).json();
  };

  /** Asks JetStream; throws with its error. */
  async jetStream(api: string, body: object = {}): Promise<Record<string, unknown>> {
    const answer = await this.ask(api, body);
    if (answer.error !== undefined) throw new Error(`${api}: ${JSON.stringify(answer.error)}`);
    return answer;
  }

  /** Names of the durables that a worker consumes with, each with its stream. */
  durables(worker: Worker): readonly { readonly stream: string; readonly durable: string }[] {
    const definition: ServiceDefinition = workers[worker];
    const streams = new Set(definition.consumes.map(({ type }) => type.split('.')[0] ?? ''));
    return [...streams].flatMap((stream) =>
      ['hot', 'standard', 'bulk'].map((lane) => ({
        stream: stream.toUpperCase(),
        durable: `${worker}-${lane}`,
      })),
    );
  }

  /** Messages that the worker has not acknowledged, on all its durables. */
  async unhandled(worker: Worker): Promise<number> {
    const counts = await Promise.all(
      this.durables(worker).map(async ({ stream, durable }) => {
        const { pending, unacked } = await owedBy(this.ask, stream, durable);
        return pending + unacked;
      }),
    );
    return counts.reduce((sum, count) => sum + count, 0);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.pools.values()].map((pool) => pool.close().catch(() => {})));
    await this.broker.close();
    this.platform.forceStop();
    await this.platform.stop();
    await emptyPostgresData(join(this.directory.path, 'postgres'));
    await this.directory.remove();
  }

  private async setAckWait(ackWaitMs: number): Promise<void> {
    const running = new Set(this.platform.processes.map(({ service }) => service));
    const present = workerNames.filter((name) => running.has(name));
    for (const { stream, durable } of present.flatMap((each) => this.durables(each))) {
      const { config } = await this.jetStream(`CONSUMER.INFO.${stream}.${durable}`);
      await this.jetStream(`CONSUMER.CREATE.${stream}.${durable}`, {
        stream_name: stream,
        config: { ...Object(config), ack_wait: ackWaitMs * 1e6 },
      });
    }
  }
}
