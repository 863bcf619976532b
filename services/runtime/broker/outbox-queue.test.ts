import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { RecordedEvent } from '../event.ts';
import { recorded, tallyEvents } from '../testing/tally.ts';
import { OutboxQueue, queueMax } from './outbox-queue.ts';

const events = tallyEvents('queue');
const aggregates = ['a', 'b', 'c'];

function versionOf(id: string, version: number): RecordedEvent {
  const [event] = recorded(events, id, version);
  if (event === undefined) throw new Error('no event');
  return event;
}

/** A table of pending events, the one relay that publishes them, and what JetStream holds. */
class Model {
  readonly queue = new OutboxQueue();
  readonly committed = new Map<string, number>();
  readonly pending = new Map<string, Set<number>>(aggregates.map((id) => [id, new Set()]));
  readonly stored: RecordedEvent[] = [];
  private readonly named = new Set<string>();
  private readonly lost = new Set<string>();
  private published: RecordedEvent[] = [];
  private snapshot: RecordedEvent[] = [];
  private flight: { events: RecordedEvent[]; atomic: boolean } | undefined;

  commit(id: string, handOver: boolean): void {
    const version = (this.committed.get(id) ?? 0) + 1;
    this.committed.set(id, version);
    this.pending.get(id)?.add(version);
    if (!handOver || this.lost.has(id)) return;
    if (!this.queue.offer(versionOf(id, version))) this.named.add(id);
  }

  rows(ids: Iterable<string>): RecordedEvent[] {
    return [...ids].flatMap((id) =>
      [...(this.pending.get(id) ?? [])].sort((x, y) => x - y).map((each) => versionOf(id, each)),
    );
  }

  add(rows: readonly RecordedEvent[]): void {
    for (const event of rows) if (!this.lost.has(event.aggregateId)) this.queue.add(event);
  }

  readNamed(): void {
    this.add(this.rows(this.named));
    this.named.clear();
  }

  read(): void {
    this.snapshot = this.rows(aggregates);
  }

  addRead(): void {
    this.add(this.snapshot);
  }

  take(atomic: boolean, max: number): void {
    if (this.flight !== undefined) return;
    const taken = atomic ? this.queue.takeInOrder(max) : this.queue.takeOnePerAggregate(max);
    this.flight = { events: taken, atomic };
  }

  /** JetStream stores what `ok` says; of an atomic batch all or nothing. */
  land(ok: (index: number) => boolean, deleted: boolean): void {
    const { events: flown, atomic } = this.flight ?? { events: [], atomic: false };
    this.flight = undefined;
    if (atomic && !ok(0)) {
      this.queue.putBack(flown);
      return;
    }
    flown.forEach((event, index) => {
      if (atomic || ok(index)) this.store(event, deleted);
      else this.queue.drop(event.aggregateId);
    });
  }

  /** The row is taken off now or later; not at all when the partition is lost meanwhile. */
  private store(event: RecordedEvent, deleted: boolean): void {
    this.stored.push(event);
    this.queue.published(event);
    if (deleted) this.pending.get(event.aggregateId)?.delete(event.sequence);
    else if (!this.lost.has(event.aggregateId)) this.published.push(event);
  }

  /** Another replica owns the aggregate now, and may publish what is pending. */
  lose(id: string, published: number): void {
    this.lost.add(id);
    this.published = this.published.filter((event) => event.aggregateId !== id);
    this.queue.dropWhere((aggregateId) => aggregateId === id);
    for (const event of this.rows([id]).slice(0, published)) {
      this.stored.push(event);
      this.pending.get(id)?.delete(event.sequence);
    }
  }

  regain(id: string): void {
    this.lost.delete(id);
  }

  /** Everything works from now on. */
  settle(): void {
    for (const id of aggregates) this.regain(id);
    for (let round = 0; round < 60; round++) {
      this.land(() => true, true);
      this.add(this.rows(aggregates));
      this.take(round % 2 === 0, 5);
    }
    this.land(() => true, true);
    for (const event of this.published) this.pending.get(event.aggregateId)?.delete(event.sequence);
  }
}

const id = fc.constantFrom(...aggregates);
const operation: fc.Arbitrary<(model: Model) => void> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(id, fc.boolean()).map(
      ([a, b]) =>
        (m: Model) =>
          m.commit(a, b),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 6 })).map(
      ([a, n]) =>
        (m: Model) =>
          m.take(a, n),
    ),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.infiniteStream(fc.boolean()), fc.boolean())
      .map(([oks, d]) => (m: Model) => {
        const answers = [...oks.take(8)];
        m.land((index) => answers[index] ?? true, d);
      }),
  },
  fc.constant((m: Model) => m.readNamed()),
  fc.constant((m: Model) => m.read()),
  fc.constant((m: Model) => m.addRead()),
  fc.tuple(id, fc.nat(3)).map(
    ([a, n]) =>
      (m: Model) =>
        m.lose(a, n),
  ),
  id.map((a) => (m: Model) => m.regain(a)),
);

test('whatever comes and fails: nothing is lost, and no version overtakes an earlier one', () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 80 }), (operations) => {
      const model = new Model();
      for (const operate of operations) operate(model);
      model.settle();
      for (const each of aggregates) {
        let last = 0;
        for (const event of model.stored.filter(({ aggregateId }) => aggregateId === each)) {
          expect(event.sequence).toBeLessThanOrEqual(last + 1);
          last = Math.max(last, event.sequence);
        }
        expect(last).toBe(model.committed.get(each) ?? 0);
      }
      expect(model.rows(aggregates)).toEqual([]);
    }),
    { numRuns: 2_000 },
  );
});

describe('the queue', () => {
  test('takes a first version and what follows it without reading the table', () => {
    const queue = new OutboxQueue();
    expect(queue.offer(versionOf('a', 1))).toBe(true);
    expect(queue.offer(versionOf('a', 2))).toBe(true);
    expect(queue.length).toBe(2);
  });

  test('does not take a version whose predecessor it has not seen', () => {
    expect(new OutboxQueue().offer(versionOf('a', 2))).toBe(false);
  });

  test('takes an event that it has or had only once', () => {
    const queue = new OutboxQueue();
    queue.offer(versionOf('a', 1));
    queue.add(versionOf('a', 1));
    expect(queue.takeInOrder(10)).toHaveLength(1);
    queue.add(versionOf('a', 1));
    queue.published(versionOf('a', 1));
    queue.add(versionOf('a', 1));
    expect(queue.length).toBe(0);
  });

  test('gives one event of each aggregate when any may be stored first', () => {
    const queue = new OutboxQueue();
    for (const name of ['a', 'a', 'b']) queue.add(versionOf(name, queue.length + 1));
    expect(queue.takeOnePerAggregate(10).map((event) => event.aggregateId)).toEqual(['a', 'b']);
    expect(queue.takeOnePerAggregate(10).map((event) => event.sequence)).toEqual([2]);
  });

  test('is bounded, and what it refuses is read later', () => {
    const queue = new OutboxQueue();
    for (let index = 0; index < queueMax; index++) queue.offer(versionOf(`a${index}`, 1));
    expect(queue.offer(versionOf('over', 1))).toBe(false);
    expect(queue.length).toBe(queueMax);
  });
});
