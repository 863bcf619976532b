import { pause } from '../failure/retry.ts';
import type { Logger } from '../telemetry/log.ts';
import type { Database } from './pool.ts';

const intervalMs = 60_000;
const rowsPerDelete = 5_000;
const lockKey = 7_469_128;

export interface Retention {
  readonly inboxMs: number;
  readonly idempotencyMs: number;
  readonly failuresMs: number;
}

/**
 * Deletes what has expired, a few thousand rows at a time. One replica at a time does it: the
 * others find the lock taken and wait for their next turn.
 */
export class Housekeeping {
  private readonly database: Database;
  private readonly retention: Retention;
  private readonly logger: Pick<Logger, 'warn'>;
  private readonly stopping = new AbortController();
  private loop: Promise<void> | undefined;

  constructor(database: Database, retention: Retention, logger: Pick<Logger, 'warn'>) {
    this.database = database;
    this.retention = retention;
    this.logger = logger;
  }

  start(): void {
    this.loop = this.runForEver();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.loop;
  }

  /** Deletes one round; true when a table may hold more. */
  async sweep(): Promise<boolean> {
    return await this.database.transact(async (tx) => {
      const [lock] = await tx.query<{ taken: boolean }>({
        text: 'SELECT pg_try_advisory_xact_lock($1) AS taken',
        values: [lockKey],
      });
      if (lock?.taken !== true) return { result: false };
      let full = false;
      for (const [table, column, ageMs] of [
        ['inbox', 'received_at', this.retention.inboxMs],
        ['idempotency', 'created_at', this.retention.idempotencyMs],
        ['delivery_failures', 'last_failed_at', this.retention.failuresMs],
      ] as const) {
        const expired = `${column} < now() - $1 * interval '1 ms'`;
        // Looked at twice: a row that was renewed between may have got the place of an old one.
        const deleted = await tx.query<{ one: number }>({
          text: `DELETE FROM ${table} WHERE ${expired} AND ctid = ANY(ARRAY(
                   SELECT ctid FROM ${table} WHERE ${expired} LIMIT $2)) RETURNING 1 AS one`,
          values: [ageMs, rowsPerDelete],
        });
        full ||= deleted.length === rowsPerDelete;
      }
      return { result: full };
    });
  }

  private async runForEver(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      await pause(intervalMs * (0.5 + Math.random()), signal);
      if (signal.aborted) return;
      try {
        while (!signal.aborted && (await this.sweep())) await pause(100, signal);
      } catch (error) {
        this.logger.warn({ err: error }, 'expired rows could not be deleted');
      }
    }
  }
}
