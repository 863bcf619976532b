import type { RecordedEvent } from '../event.ts';
import { partitionOf, streamOf, subjectOf } from '../event.ts';
import { pause } from '../failure/retry.ts';
import { Pacer } from '../pacing.ts';
import {
  deletePending,
  type OutboxPosition,
  outboxStart,
  readPending,
  readPendingOf,
} from '../store/outbox.ts';
import {
  leavePartitions,
  type Ownership,
  partitionLeaseMs,
  renewPartitions,
} from '../store/partitions.ts';
import type { Database } from '../store/pool.ts';
import type { Logger } from '../telemetry/log.ts';
import type { Broker } from './connection.ts';
import { eventHeaders } from './headers.ts';
import { OutboxQueue, queueMax } from './outbox-queue.ts';
import { atomicBatchMax, type Outgoing, type PublishError, type Publisher } from './publisher.ts';
import { step } from './steps.ts';
import type { Wake } from './wake.ts';

/**
 * From this many waiting events on, an atomic batch (four fsyncs) is cheaper than single
 * messages (one each).
 */
const atomicFrom = 16;
/** Bytes of bodies in one atomic batch; the server stages the whole batch in memory. */
const atomicBytesMax = 4 * 1024 * 1024;
const windowMax = 256;
/** So many waiting events fill a batch well: it does not wait to grow. */
const enough = 512;
const sweepIntervalMs = 1_000;
const sweepPage = 2_000;
const deleteDelayMs = 20;
const deleteBatch = 2_000;
const failureMinMs = 50;
const failureMaxMs = 2_000;

export interface RelayOptions {
  readonly database: Database;
  readonly broker: Broker;
  readonly publisher: Publisher;
  readonly wake: Wake;
  readonly replica: string;
  readonly logger: Pick<Logger, 'warn' | 'error'>;
  readonly onPublished: (events: readonly RecordedEvent[]) => void;
  /** Called with events that JetStream did not store; they are published again. */
  readonly onRefused: (events: readonly RecordedEvent[]) => void;
  readonly sweepMs?: number;
}

/**
 * Publishes committed events to JetStream, at least once, each aggregate in version order, and
 * then deletes their pending rows. Only the owner of a partition publishes its events.
 *
 * Events come from three sides: handed over after a commit in this process, named by the
 * wake-up of another replica, or found by the sweep, which makes up for everything lost.
 */
export class Relay {
  private readonly options: RelayOptions;
  private readonly queue = new OutboxQueue();
  private readonly pacer = new Pacer();
  private owned: Ownership = new Map();
  private ownedUntil = 0;
  private readonly toRead = new Set<string>();
  private published: { event: RecordedEvent; epoch: number }[] = [];
  private readonly stopping = new AbortController();
  private signalWork: () => void = () => undefined;
  private loops: Promise<void>[] = [];
  private deleting: Promise<void> | undefined;
  private failures = 0;
  /** Events that are published one by one because their atomic batch was refused. */
  private singly = 0;

  constructor(options: RelayOptions) {
    this.options = options;
  }

  /** Resolves when this replica has its first partitions, or will try again for them. */
  async start(): Promise<void> {
    await this.renewOrWarn();
    this.options.wake.onWake((aggregateIds) => this.read(aggregateIds));
    this.loops = [this.pump(), this.renewForEver(), this.sweepForEver()];
  }

  /** Hands over events that were just committed here, in commit order. */
  offer(events: readonly RecordedEvent[]): void {
    const elsewhere = new Set<string>();
    for (const event of events) {
      if (!this.owns(event.partition)) elsewhere.add(event.aggregateId);
      else if (!this.queue.offer(event)) this.readLater(event.aggregateId);
    }
    if (elsewhere.size > 0) this.options.wake.send([...elsewhere]);
    this.signalWork();
  }

  /** Publishes what is in memory, gives the partitions to the others and ends. */
  async stop(deadlineMs: number): Promise<void> {
    const until = performance.now() + deadlineMs;
    while (this.queue.length > 0 && this.options.broker.connected && performance.now() < until) {
      await pause(10, new AbortController().signal);
    }
    this.stopping.abort();
    this.signalWork();
    await Promise.all(this.loops);
    await this.deleting;
    await this.deletePublished().catch(() => undefined);
    await leavePartitions(this.options.database, this.options.replica).catch(() => undefined);
  }

  private owns(partition: number): boolean {
    return performance.now() < this.ownedUntil && this.owned.has(partition);
  }

  private read(aggregateIds: readonly string[]): void {
    for (const aggregateId of aggregateIds) {
      if (this.owns(partitionOf(aggregateId))) this.readLater(aggregateId);
    }
    this.signalWork();
  }

  /** In a backlog the sweep finds them: the names themselves are bounded too. */
  private readLater(aggregateId: string): void {
    if (this.toRead.size < queueMax) this.toRead.add(aggregateId);
  }

  /** The one loop that publishes: one flight at a time, as large as what has come up. */
  private async pump(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      try {
        if (this.toRead.size > 0 && this.queue.length < queueMax) await this.readNamed();
        if (this.queue.length > 0 && this.options.broker.connected) await this.publishPaced();
        else await this.workOrConnection();
      } catch (error) {
        this.options.logger.warn({ err: error }, 'the relay could not read its outbox');
        await this.backOff();
      }
    }
  }

  private async workOrConnection(): Promise<void> {
    if (this.stopping.signal.aborted) return;
    const canRead = this.toRead.size > 0 && this.queue.length < queueMax;
    const canPublish = this.queue.length > 0 && this.options.broker.connected;
    if (canRead || canPublish) return;
    await new Promise<void>((resolve) => {
      const unlisten = this.options.broker.onChange(() => this.signalWork());
      this.signalWork = () => {
        unlisten();
        this.signalWork = () => undefined;
        resolve();
      };
    });
  }

  private async readNamed(): Promise<void> {
    const named = [...this.toRead].slice(0, sweepPage);
    const events = await readPendingOf(
      this.options.database,
      named.map((aggregateId) => ({ partition: partitionOf(aggregateId), aggregateId })),
    );
    for (const aggregateId of named) this.toRead.delete(aggregateId);
    this.enqueue(events);
  }

  private enqueue(events: readonly RecordedEvent[]): void {
    for (const event of events) if (this.owns(event.partition)) this.queue.add(event);
  }

  private async publishPaced(): Promise<void> {
    const waitMs = this.queue.length < enough ? this.pacer.waitMs(performance.now()) : 0;
    if (waitMs > 0) await pause(waitMs, this.stopping.signal);
    const startedAt = performance.now();
    const size = this.queue.length;
    await this.publishNext();
    this.pacer.ended(startedAt, performance.now(), size - this.queue.length);
  }

  private async publishNext(): Promise<void> {
    if (this.queue.length < atomicFrom || this.singly > 0) {
      const events = this.queue.takeOnePerAggregate(windowMax);
      this.singly = Math.max(0, this.singly - events.length);
      await this.publishWindow(events);
      return;
    }
    const events = this.takeBatch();
    step('relay.publishing');
    const error = await this.options.publisher.publishAtomically(events.map(outgoing));
    if (error === undefined) {
      this.accept(events);
      return;
    }
    // A message that is stored already refuses the whole batch, which is normal after a crash
    // or a time-out. Single messages are acknowledged as duplicates.
    this.options.onRefused(events);
    this.queue.putBack(events);
    this.singly = events.length;
  }

  /** Events of one stream from the front of the queue, within the limits of an atomic batch. */
  private takeBatch(): RecordedEvent[] {
    const taken = this.queue.takeInOrder(atomicBatchMax);
    const stream = streamOf(taken[0]?.type ?? '.');
    let bytes = 0;
    const end = taken.findIndex((event) => {
      bytes += event.body.length;
      return bytes > atomicBytesMax || streamOf(event.type) !== stream;
    });
    if (end <= 0) return taken;
    this.queue.putBack(taken.slice(end));
    return taken.slice(0, end);
  }

  private async publishWindow(events: readonly RecordedEvent[]): Promise<void> {
    step('relay.publishing');
    const results = await this.options.publisher.publishEach(events.map(outgoing));
    this.accept(events.filter((_, index) => results[index] === undefined));
    const failed = events.filter((_, index) => results[index] !== undefined);
    if (failed.length === 0) return;
    const error: PublishError | undefined = results.find((result) => result !== undefined);
    this.options.logger.warn({ err: error, events: failed.length }, 'events were not stored');
    this.options.onRefused(failed);
    // Only their aggregates wait: the sweep reads them again, in order.
    for (const event of failed) this.queue.drop(event.aggregateId);
    if (failed.length === events.length) await this.backOff();
  }

  private accept(events: readonly RecordedEvent[]): void {
    if (events.length === 0) return;
    this.failures = 0;
    step('relay.published');
    for (const event of events) {
      this.queue.published(event);
      const epoch = this.owned.get(event.partition);
      if (epoch !== undefined) this.published.push({ event, epoch });
    }
    this.options.onPublished(events);
    this.deleting ??= this.deleteLater();
  }

  /** Deleting waits a little, because nothing waits for it and larger batches cost less. */
  private async deleteLater(): Promise<void> {
    await pause(deleteDelayMs, this.stopping.signal);
    try {
      await this.deletePublished();
    } catch (error) {
      this.options.logger.warn({ err: error }, 'published events could not be taken off');
      await pause(sweepIntervalMs, this.stopping.signal);
    }
    this.deleting = undefined;
    if (this.published.length > 0 && !this.stopping.signal.aborted) {
      this.deleting = this.deleteLater();
    }
  }

  private async deletePublished(): Promise<void> {
    while (this.published.length > 0) {
      const batch = this.published.slice(0, deleteBatch);
      await deletePending(this.options.database, batch);
      this.published = this.published.slice(batch.length);
    }
  }

  private async renew(): Promise<void> {
    const started = performance.now();
    const before = this.owned;
    const owned = await renewPartitions(this.options.database, this.options.replica);
    this.owned = owned;
    this.ownedUntil = started + partitionLeaseMs;
    const changed = new Set(
      [...before.keys(), ...owned.keys()].filter((each) => before.get(each) !== owned.get(each)),
    );
    if (changed.size === 0) return;
    this.queue.dropWhere((aggregateId) => changed.has(partitionOf(aggregateId)));
    this.sweepSoon();
  }

  private async renewOrWarn(): Promise<void> {
    await this.renew().catch((error: unknown) => {
      this.options.logger.warn({ err: error }, 'the outbox partitions could not be renewed');
    });
  }

  private async renewForEver(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      await pause(partitionLeaseMs / 3, signal);
      if (signal.aborted) return;
      await this.renewOrWarn();
    }
  }

  private sweepSoon: () => void = () => undefined;

  private async sweepForEver(): Promise<void> {
    const { signal } = this.stopping;
    let position = outboxStart;
    while (!signal.aborted) {
      position = await this.sweep(position).catch((error: unknown) => {
        this.options.logger.warn({ err: error }, 'the outbox sweep failed');
        return outboxStart;
      });
      // A full page means a backlog: it is read as fast as it is published.
      if (position !== outboxStart && this.queue.length < queueMax / 2) continue;
      const soon = new AbortController();
      this.sweepSoon = () => soon.abort();
      const delay = position === outboxStart ? (this.options.sweepMs ?? sweepIntervalMs) : 20;
      await pause(delay, AbortSignal.any([signal, soon.signal]));
    }
  }

  /** Reads one page of pending events; gives where the next begins, or the start at the end. */
  private async sweep(after: OutboxPosition): Promise<OutboxPosition> {
    const partitions = [...this.owned.keys()].filter((partition) => this.owns(partition));
    if (partitions.length === 0 || this.queue.length >= queueMax / 2) return after;
    const { database } = this.options;
    const { events, next } = await readPending(database, partitions, after, sweepPage);
    this.enqueue(events);
    this.signalWork();
    return next;
  }

  private async backOff(): Promise<void> {
    const delay = Math.min(failureMaxMs, failureMinMs * 2 ** this.failures);
    this.failures = Math.min(this.failures + 1, 10);
    await pause(delay, this.stopping.signal);
  }
}

function outgoing(event: RecordedEvent): Outgoing {
  return { subject: subjectOf(event), headers: eventHeaders(event), body: event.body };
}
