import { readFile } from 'node:fs/promises';
import {
  connect,
  createInbox,
  credsAuthenticator,
  Events,
  type NatsConnection,
  type Subscription,
} from 'nats';
import { fullJitter, pause } from '../failure/retry.ts';
import type { Logger } from '../telemetry/log.ts';

const retryBaseMs = 100;
const retryMaxMs = 10_000;
/** A half-open link is noticed after two of these without an answer. */
const pingIntervalMs = 10_000;

export interface BrokerOptions {
  readonly servers: readonly string[];
  /** Path of a credentials file; read again at each attempt, so that rotation needs no restart. */
  readonly credsFile?: string;
  readonly name: string;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
  readonly random?: () => number;
}

/**
 * The one connection of a process to NATS. It connects and reconnects without limit, with
 * exponential backoff and full jitter. Whoever uses it publishes only what it can repeat: what
 * is written while the connection is down is lost.
 */
export class Broker {
  private readonly options: BrokerOptions;
  private connection: NatsConnection | undefined;
  private up = false;
  private attempts = 0;
  private stopping = new AbortController();
  private readonly listeners = new Set<(connected: boolean) => void>();
  private waiters: (() => void)[] = [];
  readonly inboxPrefix: string;

  constructor(options: BrokerOptions) {
    this.options = options;
    // Unguessable and of this service alone: permissions name the part before the last dot.
    this.inboxPrefix = `_INBOX_${options.name}`;
  }

  get connected(): boolean {
    return this.up && !this.stopping.signal.aborted;
  }

  /** Starts connecting and returns at once; `ready` tells when it is done. */
  start(): void {
    void this.connectForEver();
  }

  /** Resolves when connected; rejects when the broker is closed before. */
  async ready(): Promise<NatsConnection> {
    while (!this.stopping.signal.aborted) {
      if (this.up && this.connection !== undefined) return this.connection;
      await new Promise<void>((resolve) => this.waiters.push(resolve));
    }
    throw new Error('the NATS connection was closed');
  }

  /** The connection while it is up. */
  get current(): NatsConnection | undefined {
    return this.up ? this.connection : undefined;
  }

  /** Called with each change between connected and not; returns how to stop that. */
  onChange(listener: (connected: boolean) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  newInbox(): string {
    return createInbox(this.inboxPrefix);
  }

  /** Round trip to the server in milliseconds; rejects when it takes longer than `timeoutMs`. */
  async ping(timeoutMs: number): Promise<number> {
    const connection = this.current;
    if (connection === undefined) throw new Error('not connected to NATS');
    const started = performance.now();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('NATS did not answer the ping')), timeoutMs);
    });
    try {
      await Promise.race([connection.flush(), late]);
    } finally {
      clearTimeout(timer);
    }
    return performance.now() - started;
  }

  /** Sends what is buffered and closes. */
  async close(): Promise<void> {
    this.stopping.abort();
    this.wake();
    const connection = this.connection;
    if (connection === undefined || connection.isClosed()) return;
    if (this.up) await connection.flush().catch(() => undefined);
    await connection.close();
    this.setUp(false);
  }

  private async connectForEver(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      try {
        const connection = await connect(await this.connectOptions());
        if (signal.aborted) {
          await connection.close();
          return;
        }
        this.connection = connection;
        this.attempts = 0;
        this.setUp(true);
        await this.follow(connection);
      } catch (error) {
        this.options.logger.warn({ err: error }, 'cannot reach NATS, trying again');
      }
      this.setUp(false);
      if (signal.aborted) return;
      const delay = fullJitter(this.attempts++, retryBaseMs, retryMaxMs, this.options.random);
      await pause(delay, signal);
    }
  }

  private async connectOptions() {
    const { servers, name, credsFile } = this.options;
    return {
      servers: [...servers],
      name,
      inboxPrefix: this.inboxPrefix,
      // One promise with a stack trace for each message would halve the publishing rate.
      noAsyncTraces: true,
      maxReconnectAttempts: -1,
      reconnectDelayHandler: () =>
        50 + fullJitter(this.attempts++, retryBaseMs, retryMaxMs, this.options.random),
      pingInterval: pingIntervalMs,
      maxPingOut: 2,
      ...(credsFile === undefined
        ? {}
        : { authenticator: credsAuthenticator(await readFile(credsFile)) }),
    };
  }

  /** Follows the status of one connection until it is closed for good. */
  private async follow(connection: NatsConnection): Promise<void> {
    const { logger } = this.options;
    for await (const status of connection.status()) {
      if (status.type === Events.Disconnect) {
        this.setUp(false);
        logger.warn({ server: status.data }, 'lost the connection to NATS');
      } else if (status.type === Events.Reconnect) {
        this.attempts = 0;
        this.setUp(true);
        logger.info({ server: status.data }, 'connected to NATS again');
      } else if (status.type === Events.Error) {
        logger.warn({ error: status.data }, 'NATS reported an error');
      } else if (status.type === Events.LDM) {
        logger.info({ server: status.data }, 'the NATS server is about to stop');
      }
    }
  }

  private setUp(up: boolean): void {
    if (this.up === up) return;
    this.up = up;
    for (const listener of this.listeners) listener(up);
    this.wake();
  }

  private wake(): void {
    for (const resolve of this.waiters.splice(0)) resolve();
  }
}

export type { NatsConnection, Subscription };
