import type { DataOf, EventDefinition } from '@windlass/contracts/event.ts';
import type { Lane } from '@windlass/contracts/service.ts';
import type { NewEvent, ReceivedEvent } from './event.ts';
import type { Statement, Transaction } from './store/transaction.ts';

/** Something to be done outside the database, committed with the decision that wants it. */
export interface NewEffect {
  /** Unique in the service: the same id is done once. Also the key given to the outside. */
  readonly id: string;
  /** Names the handler in the service's effects. */
  readonly kind: string;
  readonly payload: Readonly<Record<string, unknown>>;
  /** Milliseconds since the epoch; absent: at once. */
  readonly notBefore?: number;
}

/** What follows from one input: nothing of it is visible until all of it is committed. */
export interface Decided<Change> {
  readonly outcome: 'decided';
  readonly aggregateId: string;
  readonly lane: Lane;
  /** The aggregate's version after this decision: the sequence of the last event it recorded. */
  readonly version: number;
  /** What `save` will write; absent when only events follow. */
  readonly change?: Change;
  readonly events: readonly NewEvent[];
  readonly effects?: readonly NewEffect[];
}

/** The input has no effect (any more): acked and counted. */
export interface Stale {
  readonly outcome: 'stale';
}

/** The aggregate is not known yet: kept in PostgreSQL and tried again, in the end a dead letter. */
export interface Orphan {
  readonly outcome: 'orphan';
}

export type Decision<Change> = Decided<Change> | Stale | Orphan;

export const stale: Stale = { outcome: 'stale' };
export const orphan: Orphan = { outcome: 'orphan' };

/** What a batch of inputs needs loaded: ids sorted and without repetition. */
export interface Need {
  readonly aggregateIds: readonly string[];
  /** What else the inputs name, for example SKUs. */
  readonly resources: readonly string[];
}

/** An aggregate that a change has brought to its end. */
export interface SettledAggregate {
  readonly id: string;
  readonly status: string;
  /** When its command was accepted, in milliseconds since the epoch. */
  readonly acceptedAt: number;
}

/**
 * How a service's state is loaded, changed in memory and saved, a batch at a time. Locks are
 * taken in `load`, aggregates before resources and each in sorted order, so that two replicas
 * never deadlock.
 */
export interface Model<World, Change> {
  /** One query per table, rows locked. */
  load(tx: Transaction, need: Need): Promise<World>;
  /** Makes the change visible to the inputs that follow in the same batch. In memory only. */
  evolve(world: World, change: Change): void;
  /**
   * One statement per table for the whole batch, sent together with COMMIT. The last change of
   * an aggregate wins.
   */
  save(changes: readonly Change[]): readonly Statement[];
  /** Tells whether a change, not yet in the world, settles its aggregate. */
  settled?(before: World, change: Change): SettledAggregate | undefined;
}

/** Pure: no IO, no clock, no randomness. Throwing fails this input alone. `now` is in ms. */
export type Decide<Input, World, Change> = (
  input: Input,
  world: World,
  now: number,
) => Decision<Change>;

/** One handler for each consumed event; a missing or an extra one is a compile error. */
export type Reactions<Consumes extends readonly EventDefinition[], World, Change> = {
  readonly [Definition in Consumes[number] as Definition['type']]: Reaction<
    ReceivedEvent<Definition>,
    World,
    Change
  >;
};

export interface Reaction<Event, World, Change> {
  /** The aggregate that the event is about here. */
  readonly aggregateId: (event: Event) => string;
  readonly resources?: (event: Event) => readonly string[];
  /**
   * What the order of an aggregate's events means here. `commutative`: the decisions give the
   * same in any order. `monotonic`: an event older than one that was applied is dropped.
   * `contiguous`: an event waits until all before it are applied; only for consumers that read
   * every event of the aggregate. @default 'commutative'
   */
  readonly ordering?: 'commutative' | 'monotonic' | 'contiguous';
  readonly decide: Decide<Event, World, Change>;
}

/** A request to change something, answered with the result that its decision gives. */
export interface Command<World, Change, Result> {
  readonly aggregateId: string;
  readonly resources?: readonly string[];
  readonly decide: (
    world: World,
    now: number,
  ) => { readonly decision: Decision<Change>; readonly result: Result };
}

/** Data of a definition, for signatures of decisions. */
export type EventData<Definition extends EventDefinition> = DataOf<Definition>;
