import type { Cause, RecordedEvent } from '../event.ts';
import { BatchWriter, type Settled } from './batch-writer.ts';
import { eventAppend } from './events.ts';
import {
  type IdempotencyKey,
  idempotencyColumns,
  isUsedKey,
  keyName,
  keyParameters,
  type StoredReply,
  selectKeys,
  type UsedKey,
  usedKeysByName,
} from './idempotency.ts';
import type { Database } from './pool.ts';
import type { Statement } from './transaction.ts';

/** A new aggregate with its first event and the answer to the request that asked for it. */
export interface Acceptance<Entity> {
  readonly entity: Entity;
  readonly event: RecordedEvent;
  readonly cause: Cause;
  readonly use: IdempotencyKey;
  readonly reply: StoredReply;
}

export type AcceptOutcome =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'used'; readonly used: UsedKey };

/** A column of the aggregate's table and how a batch's values of it are encoded. */
export interface AcceptColumn<Entity> {
  readonly name: string;
  readonly type: string;
  readonly encode: (accepted: readonly { entity: Entity; cause: Cause }[]) => Buffer;
}

export interface AcceptorOptions<Entity> {
  readonly database: Database;
  readonly table: string;
  readonly columns: readonly AcceptColumn<Entity>[];
  readonly committed: (accepted: readonly Acceptance<Entity>[]) => void;
  readonly maxBatch: number;
  readonly onBatch?: (size: number) => void;
}

const keyParametersCount = 6;

/**
 * Stores new aggregates: key, row, event and pending row of many requests in one statement,
 * which is its own transaction.
 *
 * The statement expects every key to be new and fails as a whole when one is not: then the used
 * keys are read and the rest is written again. Filtering inside the statement would charge every
 * request for the rare repeated one.
 */
export class Acceptor<Entity> {
  private readonly options: AcceptorOptions<Entity>;
  private readonly text: string;
  private readonly writer: BatchWriter<Acceptance<Entity>, AcceptOutcome>;

  constructor(options: AcceptorOptions<Entity>) {
    this.options = options;
    this.text = acceptText(options.table, options.columns);
    this.writer = new BatchWriter({
      write: (items) => this.write(items),
      maxBatch: options.maxBatch,
      concurrency: 2,
      ...(options.onBatch === undefined ? {} : { onBatch: options.onBatch }),
    });
  }

  /** Requests that wait for their batch. */
  get depth(): number {
    return this.writer.depth;
  }

  /** Rejects when the aggregate was not stored. */
  accept(acceptance: Acceptance<Entity>): Promise<AcceptOutcome> {
    return this.writer.submit(acceptance);
  }

  drained(): Promise<void> {
    return this.writer.drained();
  }

  private async write(
    items: readonly Acceptance<Entity>[],
  ): Promise<readonly Settled<AcceptOutcome>[]> {
    const used = new Map<string, UsedKey>();
    for (;;) {
      const fresh = items.filter((item) => !used.has(keyName(item.use)));
      if (fresh.length === 0 || (await this.insert(fresh))) {
        if (fresh.length > 0) this.options.committed(fresh);
        return items.map((item) => fulfilled(used.get(keyName(item.use))));
      }
      const rows = await this.options.database.query(selectKeys(fresh.map((item) => item.use)));
      // The key stands twice in this batch: then its halves are written one after the other.
      if (rows.length === 0) throw new Error('a batch holds an Idempotency-Key twice');
      for (const [name, key] of usedKeysByName(rows)) used.set(name, key);
    }
  }

  /** False when a key is used. It is committed by then: a running insert of it was waited for. */
  private async insert(items: readonly Acceptance<Entity>[]): Promise<boolean> {
    try {
      await this.options.database.query(this.statement(items));
      return true;
    } catch (error) {
      if (isUsedKey(error)) return false;
      throw error;
    }
  }

  private statement(items: readonly Acceptance<Entity>[]): Statement {
    const accepted = items.map(({ entity, cause }) => ({ entity, cause }));
    return {
      name: `accept-${this.options.table}`,
      text: this.text,
      values: [
        ...keyParameters(items),
        ...this.options.columns.map((column) => column.encode(accepted)),
        ...eventAppend.parameters(items.map((item) => item.event)),
      ],
    };
  }
}

function fulfilled(used: UsedKey | undefined): Settled<AcceptOutcome> {
  const value: AcceptOutcome = used === undefined ? { kind: 'accepted' } : { kind: 'used', used };
  return { status: 'fulfilled', value };
}

/** Keys are inserted in their order, so that two replicas with the same ones do not deadlock. */
function acceptText<Entity>(table: string, columns: readonly AcceptColumn<Entity>[]): string {
  const first = keyParametersCount + 1;
  const parameters = columns.map(({ type }, index) => `$${first + index}::${type}[]`);
  return `WITH keys AS (
      INSERT INTO idempotency (${idempotencyColumns}, created_at)
      SELECT k.*, now() FROM unnest($1::text[], $2::text[], $3::bytea[], $4::int[], $5::text[],
        $6::text[]) AS k(${idempotencyColumns}) ORDER BY scope, key
    ), entities AS (
      INSERT INTO ${table} (${columns.map(({ name }) => name).join(', ')})
      SELECT * FROM unnest(${parameters.join(', ')})
    ), ${eventAppend.sql(first + columns.length)} SELECT 1 WHERE false`;
}
