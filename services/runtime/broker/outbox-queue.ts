import type { RecordedEvent } from '../event.ts';

/** Events that wait in memory; what is above stays in the table and is read later. */
export const queueMax = 20_000;
/** Aggregates whose last published version is remembered. */
const rememberedMax = 50_000;

interface AggregateState {
  /** The last version that is queued, or was published, in this process. */
  last: number;
  /** Events in the queue or on their way. */
  open: number;
}

/**
 * The events that the relay publishes next, in an order that keeps each aggregate's versions.
 * Pure bookkeeping: it does no IO and knows no clock.
 *
 * An event that was just committed may only enter when its predecessor is known to have entered:
 * another replica may have committed that one. Otherwise the aggregate has to be read from the
 * table, which has them all.
 */
export class OutboxQueue {
  private events: RecordedEvent[] = [];
  private readonly aggregates = new Map<string, AggregateState>();

  get length(): number {
    return this.events.length;
  }

  /** Takes an event that was just committed; false when its aggregate has to be read first. */
  offer(event: RecordedEvent): boolean {
    const state = this.aggregates.get(event.aggregateId);
    if (state !== undefined && event.sequence <= state.last) return true;
    const follows = event.sequence === 1 || state?.last === event.sequence - 1;
    if (!follows || this.events.length >= queueMax) return false;
    this.push(event, state);
    return true;
  }

  /**
   * Takes an event that was read from the table. The caller gives every pending event of an
   * aggregate in version order, so a gap in front of it means that what is missing is published.
   */
  add(event: RecordedEvent): void {
    const state = this.aggregates.get(event.aggregateId);
    if (state !== undefined && event.sequence <= state.last) return;
    this.push(event, state);
  }

  private push(event: RecordedEvent, state: AggregateState | undefined): void {
    this.events.push(event);
    if (state === undefined)
      this.aggregates.set(event.aggregateId, { last: event.sequence, open: 1 });
    else {
      state.last = event.sequence;
      state.open += 1;
    }
  }

  /** The first events of the queue, at most `max`, whatever their aggregates. */
  takeInOrder(max: number): RecordedEvent[] {
    const taken = this.events.slice(0, max);
    this.events = this.events.slice(taken.length);
    return taken;
  }

  /** The first waiting event of each aggregate, at most `max`: any order of arrival is right. */
  takeOnePerAggregate(max: number): RecordedEvent[] {
    const taken: RecordedEvent[] = [];
    const left: RecordedEvent[] = [];
    const seen = new Set<string>();
    for (const event of this.events) {
      if (taken.length < max && !seen.has(event.aggregateId)) taken.push(event);
      else left.push(event);
      seen.add(event.aggregateId);
    }
    this.events = left;
    return taken;
  }

  /** Puts events that were taken back in front, in their order. */
  putBack(events: readonly RecordedEvent[]): void {
    this.events = [...events, ...this.events];
  }

  /** The event is stored by JetStream. */
  published(event: RecordedEvent): void {
    const state = this.aggregates.get(event.aggregateId);
    if (state === undefined) return;
    state.open -= 1;
    if (state.open > 0) return;
    // Moved to the end: the map's order is the order of last use.
    this.aggregates.delete(event.aggregateId);
    this.aggregates.set(event.aggregateId, state);
    this.forgetOldest();
  }

  /** Forgets an aggregate and what is queued of it, after a failure: it is read again. */
  drop(aggregateId: string): void {
    this.aggregates.delete(aggregateId);
    this.events = this.events.filter((event) => event.aggregateId !== aggregateId);
  }

  /**
   * Forgets every aggregate that `of` holds for, when its partition has come or gone: what was
   * published here may have to be published again, because its row could not be taken off.
   */
  dropWhere(of: (aggregateId: string) => boolean): void {
    for (const aggregateId of this.aggregates.keys()) {
      if (of(aggregateId)) this.aggregates.delete(aggregateId);
    }
    this.events = this.events.filter((event) => !of(event.aggregateId));
  }

  private forgetOldest(): void {
    if (this.aggregates.size <= rememberedMax) return;
    for (const [aggregateId, state] of this.aggregates) {
      if (this.aggregates.size <= rememberedMax) return;
      if (state.open <= 0) this.aggregates.delete(aggregateId);
      else return;
    }
  }
}
