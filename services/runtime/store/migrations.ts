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
    const applied = await appliedMigrations(tx);
    const done: string[] = [];
    for (const migration of migrations) {
      if (isApplied(migration, applied)) continue;
      await tx.query({ text: migration.sql, answerTimeoutMs });
      await tx.query({
        text: 'INSERT INTO schema_migrations (id, checksum) VALUES ($1, $2)',
        values: [migration.id, checksumOf(migration)],
      });
      done.push(migration.id);
    }
    return { result: done };
  });
}

/**
 * The ids of the migrations that this database still lacks; changes nothing. Throws as `migrate`
 * does when one of them was applied with another text.
 */
export async function missingMigrations(
  database: Database,
  migrations: readonly Migration[],
): Promise<readonly string[]> {
  const [found] = await database.query<{ exists: boolean }>({
    text: `SELECT to_regclass('schema_migrations') IS NOT NULL AS "exists"`,
  });
  if (found?.exists !== true) return migrations.map(({ id }) => id);
  const applied = await appliedMigrations(database);
  return migrations.filter((each) => !isApplied(each, applied)).map(({ id }) => id);
}

/** Checksums by id. */
async function appliedMigrations(
  source: Pick<Database, 'query'>,
): Promise<ReadonlyMap<string, string>> {
  const rows = await source.query<{ id: string; checksum: string }>({
    text: 'SELECT id, checksum FROM schema_migrations',
  });
  return new Map(rows.map((row) => [row.id, row.checksum]));
}

function isApplied(migration: Migration, applied: ReadonlyMap<string, string>): boolean {
  const before = applied.get(migration.id);
  if (before === undefined || before === checksumOf(migration)) return before !== undefined;
  throw new Error(`migration ${migration.id} was changed after it was applied to this database`);
}

/** White space does not count, so that reformatting a file changes nothing. */
function checksumOf(migration: Migration): string {
  return createHash('sha256').update(migration.sql.replace(/\s+/g, ' ').trim()).digest('hex');
}
