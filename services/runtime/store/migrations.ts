import { createHash } from 'node:crypto';
import type { Database } from './pool.ts';

/** One step of a schema, forward only. Its id orders it and its text never changes again. */
export interface Migration {
  readonly id: string;
  readonly sql: string;
}

/** Any number that no other program takes as its advisory lock in this database. */
const lockKey = 7_469_127;
/** How long a replica waits for another one that migrates, in milliseconds. */
const lockTimeoutMs = 120_000;
const statementTimeoutMs = 2 * lockTimeoutMs;
const answerTimeoutMs = statementTimeoutMs + 5_000;

/**
 * Brings the schema up to date. Safe when many replicas start at once: one migrates, the others
 * wait. All that is missing is applied in one transaction. Throws when a migration that was
 * applied has another text now, because then this program and that database do not mean the
 * same schema.
 *
 * A database that knows later migrations than this program is accepted: they only expand.
 */
export async function migrate(
  database: Database,
  migrations: readonly Migration[],
): Promise<readonly string[]> {
  return await database.transact(async (tx) => {
    await tx.query({ text: `SET LOCAL lock_timeout = ${lockTimeoutMs}` });
    await tx.query({ text: `SET LOCAL statement_timeout = ${statementTimeoutMs}` });
    // Released with the transaction, so it also holds behind a transaction-pooling proxy.
    await tx.query({
      text: 'SELECT pg_advisory_xact_lock($1)',
      values: [lockKey],
      answerTimeoutMs,
    });
    await tx.query({
      text: `CREATE TABLE IF NOT EXISTS schema_migrations (
               id text PRIMARY KEY, checksum text NOT NULL,
               applied_at timestamptz NOT NULL DEFAULT now())`,
    });
    const applied = new Map(
      (
        await tx.query<{ id: string; checksum: string }>({
          text: 'SELECT id, checksum FROM schema_migrations',
        })
      ).map((row) => [row.id, row.checksum]),
    );
    const done: string[] = [];
    for (const migration of migrations) {
      const checksum = checksumOf(migration);
      const before = applied.get(migration.id);
      if (before === checksum) continue;
      if (before !== undefined) {
        throw new Error(
          `migration ${migration.id} was changed after it was applied to this database`,
        );
      }
      await tx.query({ text: migration.sql, answerTimeoutMs });
      await tx.query({
        text: 'INSERT INTO schema_migrations (id, checksum) VALUES ($1, $2)',
        values: [migration.id, checksum],
      });
      done.push(migration.id);
    }
    return { result: done };
  });
}

/** White space does not count, so that reformatting a file changes nothing. */
function checksumOf(migration: Migration): string {
  return createHash('sha256').update(migration.sql.replace(/\s+/g, ' ').trim()).digest('hex');
}
