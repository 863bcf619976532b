import { errorText } from '@windlass/runtime/failure/error-text.ts';
import { fullJitter, pause } from '@windlass/runtime/failure/retry.ts';
import type { Logger } from '@windlass/runtime/telemetry/log.ts';
import { configMaps } from '../api/core.ts';
import type { KubeClient } from '../control/client.ts';
import { ExternalMetrics } from './api.ts';
import type { Consumer } from './consumers.ts';
import { authenticationPlace, frontProxyOf } from './front-proxy.ts';
import { type AskConsumer, LagReader } from './reader.ts';
import type { Registration } from './registration.ts';
import { type Identity, LagServer } from './server.ts';

/** How long a new certificate or a new authority of the front proxy stays unseen at most. */
const syncIntervalMs = 30_000;
const retryBaseMs = 250;
const retryMaxMs = 15_000;

export interface LagApiOptions {
  readonly kube: KubeClient;
  readonly registration: Registration;
  readonly consumersIn: (namespace: string) => readonly Consumer[];
  readonly ask: AskConsumer;
  readonly host: string;
  readonly port: number;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
  /** Told of each answer's HTTP status. */
  readonly onAnswer?: (status: number) => void;
}

/** Serves external metrics as soon as there is a certificate, whether this process leads or not. */
export class LagApi {
  private readonly options: LagApiOptions;
  private readonly server: LagServer;
  private readonly stopping = new AbortController();
  private loop: Promise<void> = Promise.resolve();
  private trouble: string | undefined = 'there is no serving certificate yet';
  private listening: number | undefined;
  private waiting = new AbortController();

  constructor(options: LagApiOptions) {
    this.options = options;
    const { consumersIn, ask, logger, onAnswer } = options;
    const api = new ExternalMetrics({ consumersIn, reader: new LagReader(ask) });
    this.server = new LagServer(api, logger, onAnswer);
  }

  /** Starts trying and returns at once. */
  start(): void {
    this.loop = this.keepUp();
  }

  /** Looks at everything now: this process leads, and has to write what is missing. */
  wake(): void {
    this.waiting.abort();
    this.waiting = new AbortController();
  }

  /** Undefined until it accepts connections. */
  get port(): number | undefined {
    return this.listening;
  }

  /** Why it does not serve, as far as it knows. */
  get reason(): string | undefined {
    return this.trouble;
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    this.wake();
    await this.loop;
    await this.server.close();
  }

  private async keepUp(): Promise<void> {
    const { signal } = this.stopping;
    let failures = 0;
    while (!signal.aborted) {
      // Whoever wakes it while it looks means a look that begins later.
      const woken = this.waiting.signal;
      try {
        this.trouble = await this.sync();
      } catch (error) {
        this.trouble = errorText(error);
        this.options.logger.warn({ err: error }, 'cannot keep up external metrics, trying again');
      }
      failures = this.trouble === undefined ? 0 : failures + 1;
      const retryMs = 50 + fullJitter(failures, retryBaseMs, retryMaxMs);
      await pause(failures === 0 ? syncIntervalMs : retryMs, woken);
    }
  }

  private async sync(): Promise<string | undefined> {
    const { kube, registration, host, port, logger } = this.options;
    const serving = await registration.sync();
    if (serving === undefined) return 'there is no serving certificate yet';
    const frontProxy = frontProxyOf(await kube.get(configMaps, authenticationPlace));
    const identity: Identity = { serving, frontProxy };
    if (this.listening === undefined) {
      this.listening = await this.server.listen(port, host, identity);
      logger.info({ port: this.listening }, 'serving external metrics');
    } else this.server.renew(identity);
    return frontProxy === undefined ? 'the API server names no front proxy' : undefined;
  }
}
