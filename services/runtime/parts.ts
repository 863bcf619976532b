import type { EventDefinition } from '@windlass/contracts/event.ts';
import type { ServiceDefinition } from '@windlass/contracts/service.ts';
import type { Config } from './config.ts';
import type { Command, Decided, Model, Reactions } from './decision.ts';
import type { EffectRoutine } from './effect.ts';
import type { Cause } from './event.ts';
import type { Failure } from './failure/errors.ts';
import type { Reply, Route } from './http/route.ts';
import type { Waiters, WaitersOptions } from './http/waiters.ts';
import type { AcceptColumn } from './store/acceptor.ts';
import type { Chore } from './store/chores.ts';
import type { IdempotencyKey } from './store/idempotency.ts';
import type { Migration } from './store/migrations.ts';
import type { Timer } from './store/timers.ts';
import type { Statement, Transaction } from './store/transaction.ts';
import type { Logger } from './telemetry/log.ts';

/** A row as PostgreSQL gives it, values by column. */
export type Row = Awaited<ReturnType<Transaction['query']>>[number];

/** A request with an Idempotency-Key. */
export interface Keyed extends IdempotencyKey {
  readonly cause: Cause;
}

/** A new aggregate: its row, its first event, and the answer that its key is given. */
export interface NewAggregate<Entity> {
  readonly entity: Entity;
  readonly decided: Omit<Decided<Entity>, 'outcome' | 'change'>;
  readonly reply: Reply;
}

/** What the runtime offers to a service's routes and effects. */
export interface Kit<World, Change> {
  readonly config: Config;
  readonly logger: Logger;
  readonly now: () => number;
  /** A new id that sorts by time. */
  readonly newId: () => string;
  /** A correlation id and trace of its own, for work that nobody asked for. */
  readonly newCause: () => Cause;
  /** One statement outside of any batch: for reading. */
  query<Result extends Row>(statement: Statement): Promise<Result[]>;
  /**
   * Decides a command in a batch with others, under the aggregate's lock. With `keyed` the
   * answer, a refusal included, is stored and given again to a repetition.
   */
  execute(
    command: Command<World, Change, Reply | Failure>,
    keyed: Keyed | { readonly cause: Cause },
  ): Promise<Reply>;
  /** Makes the fast path for new aggregates: one statement for many requests. */
  acceptor<Entity>(
    table: string,
    columns: readonly AcceptColumn<Entity>[],
  ): (aggregate: (now: number) => NewAggregate<Entity>, keyed: Keyed) => Promise<Reply>;
  /** Requests that wait for settled aggregates; `settle` in the parts wakes them. */
  waiters(options: WaitersOptions): Waiters;
}

/** What a service is made of; the runtime is everything around it. */
export interface ServiceParts<Consumes extends readonly EventDefinition[], World, Change> {
  readonly migrations: readonly Migration[];
  readonly model: Model<World, Change>;
  readonly reactions: Reactions<Consumes, World, Change>;
  readonly effects?: Readonly<Record<string, EffectRoutine<World, Change>>>;
  readonly timers?: readonly Timer<World, Change>[];
  readonly routes: readonly Route[];
  /** Work on a schedule. */
  readonly chores?: readonly Chore[];
}

export type ServiceFactory<Consumes extends readonly EventDefinition[], World, Change> = (
  kit: Kit<World, Change>,
) => ServiceParts<Consumes, World, Change>;

export type AnyDefinition<Consumes extends readonly EventDefinition[]> = ServiceDefinition<
  Consumes,
  readonly EventDefinition[]
>;
