import type { EventDefinition } from '@windlass/contracts/event.ts';
import { type Lane, lanes } from '@windlass/contracts/service.ts';
import type { ReceivedEvent } from '../event.ts';
import { streamOf } from '../event.ts';
import { classify, isUnavailable } from '../failure/database-errors.ts';
import { fullJitter, pause } from '../failure/retry.ts';
import { Pacer } from '../pacing.ts';
import type { Settled } from '../store/batch-writer.ts';
import type { Verdict } from '../store/unit-of-work.ts';
import type { Logger } from '../telemetry/log.ts';
import type { Broker } from './connection.ts';
import type { Decoded, Encoded } from './decode.ts';
import type { Delivery } from './delivery.ts';
import { batchMax, LaneScheduler, pulledMax } from './lanes.ts';
import { Puller } from './puller.ts';
import { step } from './steps.ts';

const slots = 3;
const workingIntervalMs = 10_000;
const unavailableBaseMs = 100;
const unavailableMaxMs = 5_000;
/** After so many times in place, another transaction in the way is a failure like any other. */
const contendedAttempts = 10;

/** An event with the delivery that brought it. */
export interface Arrived {
  readonly delivery: Delivery;
  readonly event: ReceivedEvent;
}

export interface ConsumerOptions {
  readonly broker: Broker;
  readonly service: string;
  readonly consumes: readonly EventDefinition[];
  readonly decode: (message: Encoded) => Decoded;
  /** Handles events in one transaction: a verdict for each, or throws when it failed. */
  readonly handle: (events: readonly ReceivedEvent[]) => Promise<readonly Settled<Verdict>[]>;
  /** Settles what cannot simply be acked. Rejects when it could not: the message comes again. */
  readonly troubles: Troubles;
  readonly logger: Pick<Logger, 'warn' | 'error'>;
  readonly onBatch: (lane: Lane, size: number, milliseconds: number) => void;
  readonly onSettled: (arrived: Arrived, verdict: Verdict) => void;
  readonly onRedelivered: (delivery: Delivery) => void;
  /** A third of the consumers' `ack_wait`. @default 10 000 */
  readonly workingMs?: number;
}

/** What happens to messages whose handling did not succeed. */
export interface Troubles {
  undecodable(delivery: Delivery, reason: string, message: string): Promise<void>;
  failed(arrived: Arrived, error: unknown): Promise<void>;
  parked(arrived: Arrived, reason: 'orphan' | 'gap'): Promise<void>;
  lastDelivery(delivery: Delivery): Promise<void>;
}

/**
 * Consumes a service's events: a batch of whatever has arrived is handled in one transaction
 * and acknowledged after its commit. A batch never waits to fill, and each lane has one under
 * way at a time, so that the order of a lane is kept.
 */
export class Consumer {
  private readonly options: ConsumerOptions;
  private readonly pullers: { readonly lane: Lane; readonly puller: Puller }[] = [];
  private readonly scheduler = new LaneScheduler(slots);
  private readonly pacers: Readonly<Record<Lane, Pacer>> = {
    hot: new Pacer(),
    standard: new Pacer(),
    bulk: new Pacer(),
  };
  private later: NodeJS.Timeout | undefined;
  private readonly stopping = new AbortController();
  private readonly running = new Set<Promise<void>>();
  private readonly pauses = new Set<string>();
  private tick: NodeJS.Timeout | undefined;
  private keepAlive: NodeJS.Timeout | undefined;
  /** When the newest handled message of a stream and lane was stored. */
  private readonly handledUpTo = new Map<string, number>();

  constructor(options: ConsumerOptions) {
    this.options = options;
  }

  start(): void {
    const { broker, service, consumes } = this.options;
    const streams = new Set(consumes.map((definition) => streamOf(definition.type)));
    for (const stream of streams) {
      for (const lane of lanes) {
        const puller = new Puller({
          broker,
          stream,
          durable: `${service}-${lane}`,
          capacity: pulledMax(lane),
          paused: this.pauses.size > 0,
          onArrival: () => this.run(),
        });
        this.pullers.push({ lane, puller });
      }
    }
    // A starving lane gets its place by the clock, not only when a message arrives.
    this.tick = setInterval(() => this.run(), 250);
    // What waits here while a dependency is away would use up its deliveries.
    this.keepAlive = setInterval(() => {
      for (const { puller } of this.pullers) puller.working();
    }, this.workingMs);
  }

  /** Stops pulling while any reason holds. What is under way is finished. */
  setPaused(reason: string, paused: boolean): void {
    if (paused) this.pauses.add(reason);
    else this.pauses.delete(reason);
    for (const { puller } of this.pullers) {
      if (this.pauses.size > 0) puller.pause();
      else puller.resume();
    }
    if (this.pauses.size === 0) this.run();
  }

  /** Messages that wait on the server, by stream and lane, as last seen. */
  lag(): { readonly stream: string; readonly lane: Lane; readonly pending: number }[] {
    return this.pullers.map(({ lane, puller }) => ({
      stream: puller.stream,
      lane,
      pending: puller.pendingOnServer + puller.buffered,
    }));
  }

  /** Storage time in ms of the newest message of a stream and lane that was handled here. */
  newestHandled(stream: string, lane: Lane): number {
    return this.handledUpTo.get(`${stream}.${lane}`) ?? 0;
  }

  /** Stops pulling, finishes the batches under way and leaves the rest un-acked. */
  async drain(): Promise<void> {
    this.stopping.abort();
    clearInterval(this.tick);
    clearInterval(this.keepAlive);
    clearTimeout(this.later);
    for (const { puller } of this.pullers) puller.pause();
    await Promise.all(this.running);
    for (const { puller } of this.pullers) puller.close();
  }

  private run(): void {
    while (!this.stopping.signal.aborted && this.pauses.size === 0) {
      const now = performance.now();
      const lane = this.scheduler.next((each) => this.isReady(each, now), now);
      if (lane === undefined) {
        this.runLater(now);
        return;
      }
      const deliveries = this.takeBatch(lane);
      this.scheduler.started(lane, deliveries.length);
      const batch = this.process(lane, deliveries).finally(() => {
        this.running.delete(batch);
        this.scheduler.ended(lane);
        this.run();
      });
      this.running.add(batch);
    }
  }

  private get workingMs(): number {
    return this.options.workingMs ?? workingIntervalMs;
  }

  private buffered(lane: Lane): number {
    let sum = 0;
    for (const each of this.pullers) if (each.lane === lane) sum += each.puller.buffered;
    return sum;
  }

  private isReady(lane: Lane, now: number): boolean {
    const buffered = this.buffered(lane);
    if (buffered === 0) return false;
    return buffered >= batchMax[lane] || this.pacers[lane].waitMs(now) === 0;
  }

  /** Comes back for the lanes whose batch is only growing. */
  private runLater(now: number): void {
    if (this.later !== undefined) return;
    const waits = lanes
      .filter((lane) => this.buffered(lane) > 0)
      .map((lane) => this.pacers[lane].waitMs(now))
      .filter((wait) => wait > 0);
    if (waits.length === 0) return;
    this.later = setTimeout(
      () => {
        this.later = undefined;
        this.run();
      },
      Math.min(...waits),
    );
  }

  /** Shares one batch among the lane's streams, the fuller buffers last so that none starves. */
  private takeBatch(lane: Lane): Delivery[] {
    const pullers = this.pullers
      .filter((each) => each.lane === lane)
      .map((each) => each.puller)
      .sort((a, b) => a.buffered - b.buffered);
    const taken: Delivery[] = [];
    pullers.forEach((puller, index) => {
      const share = Math.ceil((batchMax[lane] - taken.length) / (pullers.length - index));
      taken.push(...puller.take(share));
    });
    return taken;
  }

  private async process(lane: Lane, deliveries: readonly Delivery[]): Promise<void> {
    const started = performance.now();
    // The clock of `ack_wait` runs while the database is away.
    const keepAlive = setInterval(() => {
      for (const delivery of deliveries) delivery.working();
    }, this.workingMs);
    try {
      const arrived = await this.decodeAll(deliveries);
      if (arrived.length > 0) await this.handle(lane, arrived);
      step('batch.acked');
    } catch (error) {
      // What was not settled is delivered again when its `ack_wait` ends.
      this.options.logger.error({ err: error }, 'a batch could not be settled');
    } finally {
      clearInterval(keepAlive);
      const ended = performance.now();
      this.pacers[lane].ended(started, ended, deliveries.length);
      this.options.onBatch(lane, deliveries.length, ended - started);
    }
  }

  private async decodeAll(deliveries: readonly Delivery[]): Promise<Arrived[]> {
    const arrived: Arrived[] = [];
    for (const delivery of deliveries) {
      if (delivery.deliveries > 1) {
        this.options.onRedelivered(delivery);
        await this.insist(() => this.options.troubles.lastDelivery(delivery));
      }
      const decoded = this.options.decode(delivery);
      if (decoded.ok) arrived.push({ delivery, event: decoded.event });
      else {
        const { reason, message } = decoded;
        await this.insist(() => this.options.troubles.undecodable(delivery, reason, message));
      }
    }
    return arrived;
  }

  private async handle(lane: Lane, arrived: readonly Arrived[]): Promise<void> {
    const verdicts = await this.untilAvailable(arrived);
    if (verdicts === undefined) return;
    for (const [index, each] of arrived.entries()) {
      const verdict = verdicts[index];
      if (verdict === undefined) continue;
      if (verdict.status === 'rejected') {
        await this.insist(() => this.options.troubles.failed(each, verdict.reason));
        continue;
      }
      const { kind } = verdict.value;
      if (kind === 'orphan' || kind === 'gap') {
        await this.insist(() => this.options.troubles.parked(each, kind));
      } else each.delivery.ack();
      this.options.onSettled(each, verdict.value);
      const { stream, storedAt } = each.delivery;
      const newest = Math.max(storedAt, this.newestHandled(stream, lane));
      this.handledUpTo.set(`${stream}.${lane}`, newest);
    }
  }

  /**
   * Settles one message's trouble. While the database is away this waits for it; any other
   * failure leaves the message un-acked and the batch's others untouched.
   */
  private async insist(settle: () => Promise<void>): Promise<void> {
    const { signal } = this.stopping;
    for (let attempt = 0; ; attempt++) {
      try {
        await settle();
        return;
      } catch (error) {
        if (!isUnavailable(error) || signal.aborted) {
          this.options.logger.error({ err: error }, 'a message could not be settled');
          return;
        }
        await pause(10 + fullJitter(attempt, unavailableBaseMs, unavailableMaxMs), signal);
      }
    }
  }

  /**
   * Tries again in place while a dependency is away: that is no failure of the message, and
   * each redelivery would use up one of its five. `undefined` when stopped meanwhile.
   */
  private async untilAvailable(
    arrived: readonly Arrived[],
  ): Promise<readonly Settled<Verdict>[] | undefined> {
    const events = arrived.map((each) => each.event);
    const { signal } = this.stopping;
    const settled: (Settled<Verdict> | undefined)[] = events.map(() => undefined);
    for (let attempt = 0; ; attempt++) {
      const open = settled.flatMap((each, index) => (each === undefined ? [index] : []));
      const results = await this.options.handle(open.flatMap((index) => events[index] ?? []));
      open.forEach((index, place) => {
        const result = results[place];
        const away = result?.status === 'rejected' && isAway(result.reason, attempt);
        if (!away) settled[index] = result;
      });
      if (settled.every((each) => each !== undefined)) {
        return settled.flatMap((each) => each ?? []);
      }
      if (attempt === 0) {
        this.options.logger.warn({ events: open.length }, 'a dependency is away, trying in place');
      }
      // A process that stops leaves the rest to the others.
      if (signal.aborted) return undefined;
      await pause(10 + fullJitter(attempt, unavailableBaseMs, unavailableMaxMs), signal);
      if (signal.aborted) return undefined;
    }
  }
}

/** Whether what failed may be tried again without counting as a delivery. */
function isAway(error: unknown, attempt: number): boolean {
  const failure = classify(error);
  return failure === 'unavailable' || (failure === 'contended' && attempt < contendedAttempts);
}
