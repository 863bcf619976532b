import type { ServiceDefinition } from '@windlass/contracts/service.ts';
import type { Broker } from './broker/connection.ts';
import type { Consumer } from './broker/consumer.ts';
import type { Config } from './config.ts';
import { Failure } from './failure/errors.ts';
import { Hysteresis } from './http/hysteresis.ts';
import { OpsServer } from './http/ops.ts';
import { OverloadGuard, watchUtilization } from './http/overload.ts';
import type { Telemetry } from './observer.ts';
import { measureOutbox, type OutboxSize } from './store/outbox.ts';
import { countParked } from './store/parked.ts';
import type { Database } from './store/pool.ts';

const measureIntervalMs = 2_000;
const pingTimeoutMs = 1_500;

export interface OpsBoardOptions {
  readonly definition: ServiceDefinition;
  readonly config: Config;
  readonly telemetry: Telemetry;
  readonly database: Database;
  readonly broker: Broker;
}

/** What is watched of the running parts. */
export interface Watched {
  readonly commands: { readonly depth: number };
  readonly consumer: Pick<Consumer, 'lag'>;
}

/** The state of a process as the outside sees it: probes, gauges and admission. */
export class OpsBoard {
  readonly guard: OverloadGuard;
  private readonly options: OpsBoardOptions;
  private readonly server: OpsServer;
  private readonly nats = new Hysteresis();
  private readonly drained = new Failure('draining', { retryAfterSeconds: 1 });
  private phase: 'starting' | 'running' | 'draining' = 'starting';
  private outbox: OutboxSize = { rows: 0, oldestAgeMs: 0 };
  private watched: Watched | undefined;
  private measuring: NodeJS.Timeout | undefined;
  private readonly stopWatching: () => void;
  port = 0;

  constructor(options: OpsBoardOptions) {
    this.options = options;
    const { broker, config, telemetry } = options;
    const board = this;
    this.guard = new OverloadGuard({
      bounds: config.admission,
      backlog: {
        get queue() {
          return board.watched?.commands.depth ?? 0;
        },
        get outboxRows() {
          return board.outbox.rows;
        },
        get outboxAgeMs() {
          return board.outbox.oldestAgeMs;
        },
      },
    });
    this.stopWatching = watchUtilization(this.guard);
    const up = telemetry.metrics.connectionUp.of({ dependency: 'nats' });
    up.set(0);
    broker.onChange((connected) => {
      this.nats.set(connected);
      up.set(connected ? 1 : 0);
    });
    this.server = new OpsServer({
      readiness: this.readiness(),
      health: {
        database: () => this.pingDatabase(),
        nats: () => this.pingBroker(),
      },
      metrics: telemetry.metrics,
    });
  }

  async listen(): Promise<void> {
    const { http } = this.options.config;
    this.port = await this.server.listen(http.opsPort, http.host);
  }

  /** Reports the gauges of the running parts from now on. */
  watch(watched: Watched): void {
    this.watched = watched;
    const { metrics } = this.options.telemetry;
    metrics.writerQueue.collectWith((level) => level.of({}).set(watched.commands.depth));
    metrics.consumerLag.collectWith((level) => {
      for (const { stream, lane, pending } of watched.consumer.lag()) {
        level.of({ stream, lane }).set(pending);
      }
    });
    metrics.parkedEvents.collectWith(async (level) => {
      level.of({}).set(await countParked(this.options.database));
    });
    metrics.outboxRows.collectWith((level) => level.of({}).set(this.outbox.rows));
    metrics.outboxOldestSeconds.collectWith((level) => {
      level.of({}).set(this.outbox.oldestAgeMs / 1_000);
    });
  }

  /** The schema is in place and everything runs. */
  started(): void {
    this.phase = 'running';
    this.measuring = setInterval(() => void this.measure(), measureIntervalMs);
    this.measuring.unref();
  }

  draining(): void {
    this.phase = 'draining';
  }

  /** Undefined when a new command may come in. */
  admit(): Failure | undefined {
    return this.phase === 'draining' ? this.drained : this.guard.admit();
  }

  async close(): Promise<void> {
    this.stopWatching();
    clearInterval(this.measuring);
    await this.server.close();
  }

  /** With the database away the last known size stands: acceptance fails by itself then. */
  private async measure(): Promise<void> {
    this.outbox = await measureOutbox(this.options.database).catch(() => this.outbox);
  }

  /** A service that is called needs only its database; a worker is of no use without NATS. */
  private readiness() {
    const checks: (() => string | undefined | Promise<string | undefined>)[] = [
      () => (this.phase === 'running' ? undefined : this.phase),
      async () => {
        await this.options.database.ping();
        return undefined;
      },
    ];
    if (this.options.definition.role === 'worker') {
      checks.push(() => (this.nats.steady ? undefined : 'NATS is not connected'));
    }
    return checks;
  }

  private async pingDatabase(): Promise<undefined> {
    await this.options.database.ping();
  }

  private async pingBroker(): Promise<string | undefined> {
    await this.options.broker.ping(pingTimeoutMs);
    return this.nats.steady ? undefined : 'reconnecting';
  }
}
