import { isLostInsert } from '../failure/database-errors.ts';
import { bytesColumn, intColumn, textColumn } from './columns.ts';
import type { Statement } from './transaction.ts';

export const idempotencyColumns = 'scope, key, fingerprint, status, body, location';

/** What makes two requests the same one. */
export interface IdempotencyKey {
  /** Principal, method and route. */
  readonly scope: string;
  readonly key: string;
  /** SHA-256 of the canonical body and the path parameters. */
  readonly fingerprint: Buffer;
}

/** The answer that a repeated request is given again, byte for byte. */
export interface StoredReply {
  readonly status: number;
  readonly body: string;
  readonly location?: string | undefined;
}

/** A key with the answer to the request that used it first. */
export interface UsedKey {
  readonly scope: string;
  readonly key: string;
  readonly fingerprint: Buffer;
  readonly reply: StoredReply;
}

interface UsedKeyRow {
  readonly scope: string;
  readonly key: string;
  readonly fingerprint: Buffer;
  readonly status: number;
  readonly body: string;
  readonly location: string | null;
}

/** Reads what is stored for the keys. */
export function selectKeys(keys: readonly Pick<IdempotencyKey, 'scope' | 'key'>[]): Statement {
  return {
    name: 'idempotency-select',
    text: `SELECT i.* FROM unnest($1::text[], $2::text[]) AS k(scope, key)
           CROSS JOIN LATERAL (
             SELECT i.scope, i.key, fingerprint, status, body, location FROM idempotency i
             WHERE i.scope = k.scope AND i.key = k.key OFFSET 0) i`,
    values: [textColumn(keys.map((each) => each.scope)), textColumn(keys.map((each) => each.key))],
  };
}

export function usedKeysByName(rows: readonly unknown[]): Map<string, UsedKey> {
  // The columns of `selectKeys`.
  return new Map((rows as readonly UsedKeyRow[]).map((row) => [keyName(row), usedKey(row)]));
}

function usedKey(row: UsedKeyRow): UsedKey {
  const { scope, key, fingerprint, status, body, location } = row;
  return {
    scope,
    key,
    fingerprint,
    reply: { status, body, location: location ?? undefined },
  };
}

/** Whether a statement failed because a key of it was stored before; by then it is committed. */
export function isUsedKey(error: unknown): boolean {
  return (
    error instanceof Error &&
    isLostInsert(error) &&
    'table' in error &&
    error.table === 'idempotency'
  );
}

/** A key of a Map; the scope has no line break. */
export const keyName = (each: Pick<IdempotencyKey, 'scope' | 'key'>): string =>
  `${each.scope}\n${each.key}`;

/** The columns of `idempotencyColumns` as six array parameters. */
export function keyParameters(
  rows: readonly { readonly use: IdempotencyKey; readonly reply: StoredReply }[],
): unknown[] {
  return [
    textColumn(rows.map((row) => row.use.scope)),
    textColumn(rows.map((row) => row.use.key)),
    bytesColumn(rows.map((row) => row.use.fingerprint)),
    intColumn(rows.map((row) => row.reply.status)),
    textColumn(rows.map((row) => row.reply.body)),
    textColumn(rows.map((row) => row.reply.location ?? null)),
  ];
}

/**
 * Stores keys with their answers, in key order so that two replicas do not deadlock. A key that
 * another transaction stored meanwhile fails the statement (23505) and with it this transaction.
 */
export function insertKeys(
  rows: readonly { readonly use: IdempotencyKey; readonly reply: StoredReply }[],
): Statement {
  return {
    name: 'idempotency-insert',
    text: `INSERT INTO idempotency (${idempotencyColumns}, created_at)
           SELECT i.*, now() FROM unnest($1::text[], $2::text[], $3::bytea[], $4::int[],
             $5::text[], $6::text[]) AS i(${idempotencyColumns})
           ORDER BY scope, key`,
    values: keyParameters(rows),
  };
}
