import { constants, readFileSync } from 'node:fs';
import { access } from 'node:fs/promises';
import { connect, createInbox, Events, type NatsConnection, type Subscription } from 'nats';
import { fullJitter, pause } from '../failure/retry.ts';
import type { Logger } from '../telemetry/log.ts';
import {
  authenticatorOf,
  type ConnectionFailure,
  type Credentials,
  connectionFailureOf,
} from './credentials.ts';

const retryBaseMs = 100;
const retryMaxMs = 10_000;
/** A half-open link is noticed after two of these without an answer. */
const pingIntervalMs = 10_000;

/** PEM texts. A `servername` is what the certificate must name when the address is another. */
export interface BrokerTls {
  readonly ca?: string;
  /** Path, instead of `ca`; read at each attempt. */
  readonly caFile?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly servername?: string;
  /** TLS before the server's greeting; the server must be configured for it. */
  readonly handshakeFirst?: boolean;
}

export interface BrokerOptions {
  /** A function is asked again at each attempt. */
  readonly servers: readonly string[] | (() => readonly string[]);
  /** Path of a credentials file; read again at each attempt, so that rotation needs no restart. */
  readonly credsFile?: string;
  /** Path of a file with an nkey seed, instead of credentials; read again as well. */
  readonly nkeyFile?: string;
  /** Asked again at each attempt, as `credsFile` is. */
  readonly credentials?: () => Promise<Credentials | undefined>;
  readonly tls?: BrokerTls;
  /** Other than `_INBOX_<name>`. */
  readonly inboxPrefix?: string;
  /** Of one attempt at one server; 20 s by default. */
  readonly connectTimeoutMs?: number;
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
  private failed: ConnectionFailure | undefined;
  private attempts = 0;
  private stopping = new AbortController();
  private readonly listeners = new Set<(connected: boolean) => void>();
  private waiters: (() => void)[] = [];
  readonly inboxPrefix: string;

  constructor(options: BrokerOptions) {
    this.options = options;
    // Unguessable and of this service alone: permissions name the part before the last dot.
    this.inboxPrefix = options.inboxPrefix ?? `_INBOX_${options.name}`;
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

  /**
   * The connection, or why there is none: at once when the last attempt has failed, otherwise
   * after `waitMs` at the latest. For a caller that has other work meanwhile.
   */
  async readyWithin(waitMs: number): Promise<NatsConnection | ConnectionFailure> {
    const late: ConnectionFailure = {
      kind: 'unreachable',
      message: `not connected within ${waitMs} ms`,
    };
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      this.wake();
    }, waitMs);
    try {
      while (!this.stopping.signal.aborted && !isLate) {
        if (this.up && this.connection !== undefined) return this.connection;
        if (this.failed !== undefined) return this.failed;
        await new Promise<void>((resolve) => this.waiters.push(resolve));
      }
      return late;
    } finally {
      clearTimeout(timer);
    }
  }

  /** The connection while it is up. */
  get current(): NatsConnection | undefined {
    return this.up ? this.connection : undefined;
  }

  /** Why the last attempt failed; undefined while connected and before the first one has ended. */
  get failure(): ConnectionFailure | undefined {
    return this.up ? undefined : this.failed;
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
        this.failed = undefined;
        this.setUp(true);
        // A client that does not reconnect closes without ending its status.
        await Promise.race([this.follow(connection), connection.closed()]);
      } catch (error) {
        this.failed = connectionFailureOf(error);
        this.options.logger.warn({ err: error }, 'cannot reach NATS, trying again');
        this.wake();
      }
      this.setUp(false);
      if (signal.aborted) return;
      const delay = fullJitter(this.attempts++, retryBaseMs, retryMaxMs, this.options.random);
      await pause(delay, signal);
    }
  }

  private async connectOptions() {
    const { servers, name, tls, connectTimeoutMs } = this.options;
    const authenticator = await this.authenticator();
    return {
      servers: typeof servers === 'function' ? [...servers()] : [...servers],
      name,
      inboxPrefix: this.inboxPrefix,
      // One promise with a stack trace for each message would halve the publishing rate.
      noAsyncTraces: true,
      // The client itself would try again with what it was given first.
      reconnect: !this.asksAgain(),
      maxReconnectAttempts: -1,
      reconnectDelayHandler: () =>
        50 + fullJitter(this.attempts++, retryBaseMs, retryMaxMs, this.options.random),
      pingInterval: pingIntervalMs,
      maxPingOut: 2,
      ...(connectTimeoutMs === undefined ? {} : { timeout: connectTimeoutMs }),
      ...(tls === undefined ? {} : { tls: { ...tls } }),
      ...(authenticator === undefined ? {} : { authenticator }),
    };
  }

  private asksAgain(): boolean {
    return this.options.credentials !== undefined || typeof this.options.servers === 'function';
  }

  private async authenticator() {
    const { credsFile, nkeyFile, credentials } = this.options;
    const file = credsFile ?? nkeyFile;
    if (file !== undefined) {
      // A file that cannot be read fails this attempt. The client asks again when it reconnects.
      await access(file, constants.R_OK);
      const kind = file === credsFile ? 'creds' : 'nkey';
      return (nonce?: string) => authenticatorOf(credentialsIn(file, kind))(nonce);
    }
    const given = await credentials?.();
    return given === undefined ? undefined : authenticatorOf(given);
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

function credentialsIn(file: string, kind: 'creds' | 'nkey'): Credentials {
  const text = readFileSync(file, 'utf8');
  return kind === 'creds' ? { kind, text } : { kind, seed: text };
}

export type { ConnectionFailure, Credentials, NatsConnection, Subscription };
