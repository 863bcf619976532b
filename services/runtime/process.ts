import type { EventDefinition } from '@windlass/contracts/event.ts';
import type { Broker } from './broker/connection.ts';
import { Consumer } from './broker/consumer.ts';
import { decoder } from './broker/decode.ts';
import { handledUpTo } from './broker/lag.ts';
import { Parking } from './broker/parking.ts';
import { Publisher } from './broker/publisher.ts';
import { Reaper } from './broker/reaper.ts';
import { Relay } from './broker/relay.ts';
import { troubles } from './broker/troubles.ts';
import { Wake } from './broker/wake.ts';
import { Commands } from './commands.ts';
import type { Config } from './config.ts';
import { Breaker } from './failure/breaker.ts';
import { Undertaker } from './failure/dead-letter.ts';
import { beginSeries } from './first-series.ts';
import { Waiters } from './http/waiters.ts';
import { uuidv7 } from './ids.ts';
import { Observer, type Telemetry } from './observer.ts';
import type { AnyDefinition, Kit, ServiceFactory, ServiceParts } from './parts.ts';
import { Reactor } from './reactor.ts';
import { Chores } from './store/chores.ts';
import { dueMax, EffectRunner } from './store/effect-runner.ts';
import { Housekeeping } from './store/housekeeping.ts';
import type { Database } from './store/pool.ts';
import { Timers } from './store/timers.ts';
import { type Committed, UnitOfWork } from './store/unit-of-work.ts';

/** How long failed deliveries are remembered: longer than a message can be redelivered. */
const failuresKeptMs = 30 * 86_400_000;

export interface ProcessOptions<Consumes extends readonly EventDefinition[], World, Change> {
  readonly definition: AnyDefinition<Consumes>;
  readonly config: Config;
  readonly telemetry: Telemetry;
  readonly database: Database;
  readonly broker: Broker;
  readonly factory: ServiceFactory<Consumes, World, Change>;
  readonly settled: (latencyMs: number) => void;
}

/** Everything that runs in one process of a service between its database and its broker. */
export class ServiceProcess<Consumes extends readonly EventDefinition[], World, Change> {
  private readonly options: ProcessOptions<Consumes, World, Change>;
  readonly parts: ServiceParts<Consumes, World, Change>;
  readonly commands: Commands<World, Change>;
  readonly consumer: Consumer;
  readonly effects: EffectRunner<World, Change>;
  private readonly relay: Relay;
  private readonly publisher: Publisher;
  private readonly wake: Wake;
  private readonly parking: Parking;
  private readonly reaper: Reaper | undefined;
  private readonly timers: Timers<World, Change>;
  private readonly housekeeping: Housekeeping;
  private readonly waiters: Waiters[] = [];
  private readonly observer: Observer;
  private chores: Chores | undefined;
  readonly breaker: Breaker;

  constructor(options: ProcessOptions<Consumes, World, Change>) {
    this.options = options;
    const { definition, config, telemetry, database, broker } = options;
    const { logger, metrics } = telemetry;
    this.observer = new Observer(telemetry, definition.role === 'worker');
    beginSeries(metrics, definition);
    this.publisher = new Publisher(broker);
    this.wake = new Wake(broker, definition.name, 'outbox');
    this.relay = this.makeRelay();
    const unitOfWork = this.makeUnitOfWork();
    this.commands = new Commands({
      database,
      unitOfWork,
      now: Date.now,
      committed: (events) => this.relay.offer(events),
      onBatch: (size) => metrics.writerBatch.of({}).observe(size),
    });
    this.parts = options.factory(this.kit());
    const undertaker = new Undertaker({
      service: definition.name,
      serviceVersion: config.version,
      database,
      publisher: this.publisher,
      logger,
      onFiled: (letter) => this.observer.deadLetter(letter),
    });
    const reactor = new Reactor(unitOfWork, this.parts.reactions, telemetry.tracing);
    const decode = decoder(definition.consumes);
    this.consumer = this.makeConsumer(decode, reactor, undertaker);
    this.parking = new Parking({ database, decode, handle: reactor.handle, undertaker, logger });
    this.reaper =
      definition.consumes.length === 0
        ? undefined
        : new Reaper({ broker, service: definition.name, database, undertaker, logger });
    this.breaker = this.makeBreaker();
    this.effects = this.makeEffects(unitOfWork);
    this.timers = this.makeTimers(unitOfWork);
    const { inboxMs, idempotencyMs } = config.timing;
    const retention = { inboxMs, idempotencyMs, failuresMs: failuresKeptMs };
    this.housekeeping = new Housekeeping(database, retention, logger);
  }

  /** Starts publishing, consuming and calling. The schema must be in place. */
  async start(): Promise<void> {
    await this.relay.start();
    if (this.parts.effects !== undefined) this.effects.start();
    this.timers.start();
    this.parking.start();
    this.housekeeping.start();
    this.consumer.start();
    this.chores = new Chores(this.parts.chores ?? [], this.options.telemetry.logger);
  }

  /** Requests that wait are answered with the state as it is. */
  releaseWaiters(): void {
    for (const waiters of this.waiters) waiters.release();
  }

  /**
   * Stops in the order in which work flows, so that nothing that is under way is lost: no new
   * input, then the effects, then the outbox.
   */
  async drain(deadlineMs: number): Promise<void> {
    await Promise.all([
      this.consumer.drain(),
      this.timers.stop(),
      this.parking.stop(),
      this.reaper?.stop(),
      this.chores?.stop(),
      this.housekeeping.stop(),
      this.commands.drained(),
    ]);
    await this.effects.drain();
    await this.relay.stop(deadlineMs);
    this.wake.close();
    this.publisher.close();
  }

  private committed(committed: Committed<Change>): void {
    this.relay.offer(committed.events);
    this.effects.offer(committed.claimed, committed.unclaimed);
    this.observer.committed(committed);
    const now = Date.now();
    for (const { id, acceptedAt } of committed.settled) {
      for (const waiters of this.waiters) waiters.settled(id);
      this.options.settled(now - acceptedAt);
    }
  }

  private effectsDue(due: number): void {
    this.options.telemetry.metrics.effectsDue.of({}).set(due);
    this.consumer.setPaused('effects', due > dueMax);
  }

  private makeRelay(): Relay {
    const { config, telemetry, database, broker } = this.options;
    return new Relay({
      database,
      broker,
      publisher: this.publisher,
      wake: this.wake,
      replica: config.replica,
      logger: telemetry.logger,
      onPublished: (events) => this.observer.published(events),
      onRefused: (events) => this.observer.refused(events),
    });
  }

  /** The model is known only after the factory ran, which needs the kit: looked up when used. */
  private makeUnitOfWork(): UnitOfWork<World, Change> {
    const { definition, database } = this.options;
    return new UnitOfWork<World, Change>({
      database,
      model: {
        load: (tx, need) => this.parts.model.load(tx, need),
        evolve: (world, change) => this.parts.model.evolve(world, change),
        save: (changes) => this.parts.model.save(changes),
        settled: (before, change) => this.parts.model.settled?.(before, change),
      },
      consumer: definition.name,
      now: Date.now,
      effectCapacity: () => this.effects.capacity(),
      committed: (committed) => this.committed(committed),
    });
  }

  private makeConsumer(
    decode: ReturnType<typeof decoder>,
    reactor: Reactor<World, Change>,
    undertaker: Undertaker,
  ) {
    const { definition, config, telemetry, database, broker } = this.options;
    const { logger } = telemetry;
    const { retryBaseMs, retryMaxMs } = config.timing;
    return new Consumer({
      broker,
      service: definition.name,
      consumes: definition.consumes,
      decode,
      handle: reactor.handle,
      troubles: troubles({
        ...{ database, undertaker, logger, retryBaseMs, retryMaxMs },
        onFailed: (durable, errorClass) => this.observer.handlerFailed(durable, errorClass),
      }),
      logger,
      onBatch: (lane, size, ms) => this.observer.batch(lane, size, ms),
      onSettled: (arrived, verdict) => {
        this.observer.handled(arrived, verdict);
        const { event } = arrived;
        if (reactor.closesGap(event, verdict)) this.parking.applied(event.aggregateId);
      },
      onRedelivered: (delivery) => this.observer.redelivered(delivery),
    });
  }

  private makeEffects(unitOfWork: UnitOfWork<World, Change>): EffectRunner<World, Change> {
    const { config, telemetry, database } = this.options;
    return new EffectRunner({
      database,
      unitOfWork,
      handlers: this.parts.effects ?? {},
      breaker: this.breaker,
      callTimeoutMs: config.timing.providerTimeoutMs,
      logger: telemetry.logger,
      onCall: (effect, outcome, ms) => this.observer.called(effect, outcome, ms),
      onDue: (due) => this.effectsDue(due),
    });
  }

  private makeTimers(unitOfWork: UnitOfWork<World, Change>): Timers<World, Change> {
    const { definition, config, telemetry, database, broker } = this.options;
    const { ackWaitMs } = config.timing;
    return new Timers({
      database,
      unitOfWork,
      timers: this.parts.timers ?? [],
      handledUpTo: (stream) =>
        handledUpTo(broker, this.consumer, definition.name, stream, ackWaitMs, Date.now()),
      logger: telemetry.logger,
      now: Date.now,
    });
  }

  private makeBreaker(): Breaker {
    const { config, telemetry, definition } = this.options;
    const { timing } = config;
    const breaker = definition.calls[0] ?? definition.name;
    const level = telemetry.metrics.breakerState.of({ breaker });
    level.set(0);
    return new Breaker({
      slowMs: timing.providerTimeoutMs / 2,
      openMs: timing.breakerOpenMs,
      openMaxMs: timing.breakerOpenMaxMs,
      onChange: (state, previous) => {
        level.set(state === 'closed' ? 0 : state === 'half-open' ? 1 : 2);
        telemetry.logger.warn({ breaker, state, previous }, 'the circuit breaker changed');
      },
    });
  }

  private kit(): Kit<World, Change> {
    const { config, telemetry, database } = this.options;
    return {
      config,
      logger: telemetry.logger,
      now: Date.now,
      newId: () => uuidv7(),
      newCause: () => ({
        correlationId: uuidv7(),
        traceparent: telemetry.tracing.startTrace(undefined),
      }),
      query: (statement) => database.query(statement),
      execute: this.commands.execute,
      acceptor: (table, columns) => this.commands.acceptor(table, columns),
      waiters: (options) => {
        const waiters = new Waiters(options);
        this.waiters.push(waiters);
        return waiters;
      },
    };
  }
}
