import type { QueryResultRow } from 'pg';
import type { Decision, Model, NewEffect, SettledAggregate } from '../decision.ts';
import type { EffectFate } from '../effect.ts';
import type { Cause, RecordedEvent } from '../event.ts';
import { isLostInsert } from '../failure/database-errors.ts';
import type { Settled } from './batch-writer.ts';
import {
  type Claim,
  type DueEffect,
  deleteEffects,
  holdClaims,
  insertEffects,
  postponeEffects,
} from './effects.ts';
import { appendEvents, record } from './events.ts';
import {
  type IdempotencyKey,
  insertKeys,
  keyName,
  type StoredReply,
  selectKeys,
  type UsedKey,
  usedKeysByName,
} from './idempotency.ts';
import { receive, unreceive } from './inbox.ts';
import type { Database, LastStatement } from './pool.ts';
import { lockPositions, type Position, positionKey, savePositions } from './positions.ts';
import type { Transaction } from './transaction.ts';

/** One input of a batch: a consumed event, a command, a passed deadline, an effect's result. */
export interface Work<World, Change> {
  readonly aggregateId: string;
  readonly resources?: readonly string[] | undefined;
  readonly cause: Cause;
  /** Set for events: the input is dropped when the inbox knows this id. */
  readonly inboxId?: string | undefined;
  /** Set for events of an ordered consumer: the place of the event in its aggregate. */
  readonly place?: Place | undefined;
  /** Set for effect results: the input is dropped when the claim was lost. */
  readonly claim?: Claim | undefined;
  /** Set for commands with an Idempotency-Key. */
  readonly use?: IdempotencyKey | undefined;
  readonly decide: (world: World, now: number) => Resolution<Change>;
}

export interface Place extends Position {
  /** `monotonic` drops what is older than what was applied, `contiguous` also refuses a gap. */
  readonly ordering: 'monotonic' | 'contiguous';
}

export interface Resolution<Change> {
  readonly decision: Decision<Change>;
  /** Stored under the Idempotency-Key. */
  readonly reply?: StoredReply;
  /** What becomes of the effect whose result this was. */
  readonly fate?: EffectFate;
}

export type Verdict =
  | { readonly kind: 'decided'; readonly reply?: StoredReply }
  | { readonly kind: 'stale'; readonly reply?: StoredReply }
  /** The aggregate is unknown; nothing was stored. */
  | { readonly kind: 'orphan' }
  /** Events of the aggregate before this one are missing; nothing was stored. */
  | { readonly kind: 'gap' }
  | { readonly kind: 'duplicate' }
  | { readonly kind: 'fenced' }
  /** The key was used before. */
  | { readonly kind: 'used'; readonly used: UsedKey };

export interface UnitOfWorkOptions<World, Change> {
  readonly database: Database;
  readonly model: Model<World, Change>;
  readonly consumer: string;
  readonly now: () => number;
  /** How many new effects this process would carry out at once. */
  readonly effectCapacity: () => number;
  /** Called right after each commit that changed something. */
  readonly committed: (committed: Committed<Change>) => void;
}

/** What a transaction has made true. */
export interface Committed<Change> {
  readonly changes: readonly Change[];
  readonly events: readonly RecordedEvent[];
  readonly settled: readonly (SettledAggregate & { readonly cause: Cause })[];
  /** Effects that this process holds the claim of. */
  readonly claimed: readonly DueEffect[];
  /** Effects that were left for whoever has room. */
  readonly unclaimed: number;
}

interface Batch<Change> {
  readonly changes: Change[];
  readonly settled: (SettledAggregate & { cause: Cause })[];
  readonly events: RecordedEvent[];
  readonly effects: Parameters<typeof insertEffects>[0][number][];
  claimed: DueEffect[];
  unclaimed: number;
  readonly done: string[];
  readonly postponed: { id: string; at: number }[];
  readonly keys: { use: IdempotencyKey; reply: StoredReply }[];
  readonly unreceived: string[];
  readonly positions: Map<string, Position>;
}

/**
 * Handles a batch of inputs in one transaction: gates, load, pure decisions in memory, save.
 *
 * The statement order is the lock order of every transaction of the service: inbox and claims,
 * aggregates, resources, events. Throws when the transaction failed, and then nothing of the
 * batch is stored; an input whose decision throws is rejected alone and leaves no trace.
 */
export class UnitOfWork<World, Change> {
  private readonly options: UnitOfWorkOptions<World, Change>;

  constructor(options: UnitOfWorkOptions<World, Change>) {
    this.options = options;
  }

  run = async (works: readonly Work<World, Change>[]): Promise<readonly Settled<Verdict>[]> => {
    try {
      return await this.attempt(works);
    } catch (error) {
      // Another replica stored a key or a row after it was looked up; now it is found.
      if (isLostInsert(error)) return await this.attempt(works);
      throw error;
    }
  };

  private async attempt(
    works: readonly Work<World, Change>[],
  ): Promise<readonly Settled<Verdict>[]> {
    const now = this.options.now();
    const batch: Batch<Change> = {
      changes: [],
      settled: [],
      events: [],
      effects: [],
      claimed: [],
      unclaimed: 0,
      done: [],
      postponed: [],
      keys: [],
      unreceived: [],
      positions: new Map(),
    };
    const verdicts = await this.options.database.transact(async (tx) => {
      const { world, ...gates } = await this.open(tx, works);
      const decided = works.map((work): Settled<Verdict> => {
        const stopped = stopAtGate(work, gates);
        if (stopped !== undefined) {
          if (stopped.kind === 'gap' && work.inboxId !== undefined) {
            batch.unreceived.push(work.inboxId);
          }
          return { status: 'fulfilled', value: stopped };
        }
        try {
          const resolution = work.decide(world, now);
          const verdict = this.apply(work, resolution, world, batch, now);
          moveOn(work, verdict, gates.positions, batch.positions);
          if (work.use !== undefined && resolution.reply !== undefined) {
            gates.used.set(keyName(work.use), { ...work.use, reply: resolution.reply });
          }
          return { status: 'fulfilled', value: verdict };
        } catch (reason) {
          if (work.inboxId !== undefined) batch.unreceived.push(work.inboxId);
          return { status: 'rejected', reason };
        }
      });
      if (batch.unreceived.length > 0) {
        await unreceive(tx, this.options.consumer, batch.unreceived);
      }
      return { result: decided, finish: this.finish(batch, now) };
    });
    const { changes, events, settled, claimed, unclaimed } = batch;
    this.options.committed({ changes, settled, events, claimed, unclaimed });
    return verdicts;
  }

  /** Everything that is read before the first decision, on one way to the server. */
  private async open(tx: Transaction, works: readonly Work<World, Change>[]) {
    const inboxIds = sortedSet(works, (work) => work.inboxId);
    const claims = works.flatMap((work) => (work.claim === undefined ? [] : [work.claim]));
    const uses = works.flatMap((work) => (work.use === undefined ? [] : [work.use]));
    const need = {
      aggregateIds: sortedSet(works, (work) => work.aggregateId),
      resources: [...new Set(works.flatMap((work) => work.resources ?? []))].sort(),
    };
    const places = works.flatMap((work) => (work.place === undefined ? [] : [work.place]));
    const [fresh, positions, held, world, used] = await Promise.all([
      inboxIds.length === 0 ? noIds : receive(tx, this.options.consumer, inboxIds),
      places.length === 0
        ? new Map<string, number>()
        : lockPositions(tx, this.options.consumer, distinctPlaces(places)),
      claims.length === 0 ? noIds : holdClaims(tx, claims),
      this.options.model.load(tx, need),
      // After the row locks: a concurrent request with the same key has committed by then.
      uses.length === 0 ? [] : tx.query(selectKeys(uses)),
    ]);
    return {
      fresh: new Set(fresh),
      positions,
      held: new Set(held),
      world,
      used: usedKeysByName(used),
    };
  }

  /** Adds one decision to the batch and makes it visible to the inputs after it. */
  private apply(
    work: Work<World, Change>,
    resolution: Resolution<Change>,
    world: World,
    batch: Batch<Change>,
    now: number,
  ): Verdict {
    const { decision, reply, fate } = resolution;
    if (decision.outcome === 'orphan') {
      if (work.inboxId !== undefined) batch.unreceived.push(work.inboxId);
      return { kind: 'orphan' };
    }
    if (decision.outcome === 'decided') {
      const events = record(decision, work.cause, now);
      if (decision.change !== undefined) {
        const settled = this.options.model.settled?.(world, decision.change);
        this.options.model.evolve(world, decision.change);
        if (settled !== undefined) batch.settled.push({ ...settled, cause: work.cause });
        batch.changes.push(decision.change);
      }
      batch.events.push(...events);
      const cause = causeOfEffects(work.cause, events);
      for (const effect of decision.effects ?? []) {
        this.addEffect(batch, effect, decision, cause, now);
      }
    }
    if (work.use !== undefined && reply !== undefined) {
      batch.keys.push({ use: work.use, reply });
    }
    if (work.claim !== undefined) {
      if (fate === undefined || fate.next === 'done') batch.done.push(work.claim.id);
      else batch.postponed.push({ id: work.claim.id, at: fate.at });
    }
    return reply === undefined
      ? plainVerdicts[decision.outcome]
      : { kind: decision.outcome, reply };
  }

  private addEffect(
    batch: Batch<Change>,
    effect: NewEffect,
    decision: { readonly aggregateId: string; readonly lane: DueEffect['lane'] },
    cause: Cause,
    now: number,
  ): void {
    const { aggregateId, lane } = decision;
    const claimed =
      (effect.notBefore ?? now) <= now && batch.claimed.length < this.options.effectCapacity();
    batch.effects.push({ effect, aggregateId, lane, cause, claimed });
    if (!claimed) return;
    batch.claimed.push({
      id: effect.id,
      kind: effect.kind,
      aggregateId,
      payload: effect.payload,
      attempts: 0,
      createdAt: now,
      lane,
      cause,
      claim: { id: effect.id, attempts: 1 },
    });
  }

  private finish(batch: Batch<Change>, now: number): LastStatement[] {
    const statements: LastStatement[] = [];
    if (batch.changes.length > 0) statements.push(...this.options.model.save(batch.changes));
    if (batch.events.length > 0) statements.push(appendEvents(batch.events));
    if (batch.effects.length > 0) {
      const committed = (rows: readonly QueryResultRow[]) => keepInserted(batch, rows);
      statements.push({ ...insertEffects(batch.effects, now), committed });
    }
    if (batch.done.length > 0) statements.push(deleteEffects(batch.done));
    if (batch.postponed.length > 0) statements.push(postponeEffects(batch.postponed));
    if (batch.keys.length > 0) statements.push(insertKeys(batch.keys));
    if (batch.positions.size > 0) {
      statements.push(savePositions(this.options.consumer, [...batch.positions.values()]));
    }
    return statements;
  }
}

/** One object for each, because there is one verdict for each event. */
const plainVerdicts = { decided: { kind: 'decided' }, stale: { kind: 'stale' } } as const;
const noIds: ReadonlySet<string> = new Set();

/** An effect that was there already is somebody else's, or waits for its claim to end. */
function keepInserted<Change>(batch: Batch<Change>, rows: readonly QueryResultRow[]): void {
  const inserted = new Set(rows.map((row) => row.id));
  batch.claimed = batch.claimed.filter(({ id }) => inserted.has(id));
  batch.unclaimed = inserted.size - batch.claimed.length;
}

/** Says why an input is not decided at all; a second copy of one in the same batch included. */
function stopAtGate<World, Change>(
  work: Work<World, Change>,
  gates: {
    readonly fresh: Set<string>;
    readonly held: Set<string>;
    readonly positions: ReadonlyMap<string, number>;
    readonly used: ReadonlyMap<string, UsedKey>;
  },
): Verdict | undefined {
  if (work.inboxId !== undefined && !gates.fresh.delete(work.inboxId)) {
    return { kind: 'duplicate' };
  }
  if (work.place !== undefined) {
    const applied = gates.positions.get(positionKey(work.place)) ?? 0;
    if (work.place.sequence <= applied) return { kind: 'stale' };
    const gap = work.place.sequence > applied + 1;
    if (gap && work.place.ordering === 'contiguous') return { kind: 'gap' };
  }
  if (work.claim !== undefined && !gates.held.delete(work.claim.id)) return { kind: 'fenced' };
  const used = work.use === undefined ? undefined : gates.used.get(keyName(work.use));
  return used === undefined ? undefined : { kind: 'used', used };
}

/** An event that was handled, whatever came of it, is applied for the ones after it. */
function moveOn<World, Change>(
  work: Work<World, Change>,
  verdict: Verdict,
  positions: Map<string, number>,
  moved: Map<string, Position>,
): void {
  if (work.place === undefined || verdict.kind === 'orphan') return;
  const key = positionKey(work.place);
  positions.set(key, work.place.sequence);
  moved.set(key, work.place);
}

function distinctPlaces(places: readonly Place[]): readonly Place[] {
  return [...new Map(places.map((place) => [positionKey(place), place])).values()];
}

/** What an effect causes follows from the event that announced it, if there was one. */
function causeOfEffects(cause: Cause, events: readonly RecordedEvent[]): Cause {
  const last = events.at(-1);
  return last === undefined ? cause : { ...cause, causationId: last.id };
}

function sortedSet<Item>(items: readonly Item[], of: (item: Item) => string | undefined): string[] {
  const found = new Set<string>();
  for (const item of items) {
    const value = of(item);
    if (value !== undefined) found.add(value);
  }
  return [...found].sort();
}
