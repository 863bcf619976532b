import type { Lane } from '@windlass/contracts/service.ts';
import type { NewEffect } from '../decision.ts';
import type { ClaimedEffect } from '../effect.ts';
import type { Cause } from '../event.ts';
import { intColumn, textColumn, timeColumn } from './columns.ts';
import type { Database } from './pool.ts';
import type { Statement, Transaction } from './transaction.ts';

/**
 * A claim is the pair (id, attempts): claiming counts `attempts` up and moves `due_at` to the
 * end of the lease, so whoever claims later has another pair and the earlier one is fenced.
 */
export interface Claim {
  readonly id: string;
  readonly attempts: number;
}

/** An effect with what its follow-up events inherit. */
export interface DueEffect extends ClaimedEffect {
  readonly claim: Claim;
  readonly cause: Cause;
  readonly lane: Lane;
}

/** How long a claim holds, in milliseconds: longer than any call may take. */
export const claimLeaseMs = 30_000;

/**
 * Inserts effects and gives the ids of those that were not there already. Those with `claimed`
 * are this process's own from the start, so that an idle process carries them out without
 * another commit.
 */
export function insertEffects(
  rows: readonly {
    readonly effect: NewEffect;
    readonly aggregateId: string;
    readonly lane: Lane;
    readonly cause: Cause;
    readonly claimed: boolean;
  }[],
  now: number,
): Statement {
  return {
    name: 'effects-insert',
    text: `INSERT INTO effects (id, kind, aggregate_id, payload, attempts, due_at, created_at,
             lane, correlation_id, causation_id, traceparent)
           SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int[],
             $6::timestamptz[], $7::timestamptz[], $8::text[], $9::text[], $10::text[],
             $11::text[])
           ON CONFLICT (id) DO NOTHING RETURNING id`,
    values: [
      textColumn(rows.map((row) => row.effect.id)),
      textColumn(rows.map((row) => row.effect.kind)),
      textColumn(rows.map((row) => row.aggregateId)),
      textColumn(rows.map((row) => JSON.stringify(row.effect.payload))),
      intColumn(rows.map((row) => (row.claimed ? 1 : 0))),
      timeColumn(
        rows.map((row) => (row.claimed ? now + claimLeaseMs : (row.effect.notBefore ?? now))),
      ),
      timeColumn(rows.map((row) => row.effect.notBefore ?? now)),
      textColumn(rows.map((row) => row.lane)),
      textColumn(rows.map((row) => row.cause.correlationId)),
      textColumn(rows.map((row) => row.cause.causationId ?? null)),
      textColumn(rows.map((row) => row.cause.traceparent)),
    ],
  };
}

interface EffectRow {
  readonly id: string;
  readonly kind: string;
  readonly aggregate_id: string;
  readonly payload: string;
  readonly attempts: number;
  readonly created_at: Date;
  readonly lane: Lane;
  readonly correlation_id: string;
  readonly causation_id: string | null;
  readonly traceparent: string;
}

/** Claims up to `limit` due effects. Rows that another replica is claiming are passed over. */
export async function claimDue(
  database: Database,
  limit: number,
  now: number,
): Promise<DueEffect[]> {
  const rows = await database.query<EffectRow>({
    name: 'effects-claim',
    text: `UPDATE effects SET attempts = attempts + 1, due_at = $3
           WHERE id = ANY(ARRAY(SELECT id FROM effects WHERE due_at <= $2
                                ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED))
           RETURNING id, kind, aggregate_id, payload, attempts, created_at, lane,
             correlation_id, causation_id, traceparent`,
    values: [limit, new Date(now), new Date(now + claimLeaseMs)],
  });
  return rows.map((row) => ({
    id: row.id,
    kind: row.kind,
    aggregateId: row.aggregate_id,
    payload: JSON.parse(row.payload),
    attempts: row.attempts - 1,
    createdAt: row.created_at.getTime(),
    lane: row.lane,
    claim: { id: row.id, attempts: row.attempts },
    cause: {
      correlationId: row.correlation_id,
      causationId: row.causation_id ?? undefined,
      traceparent: row.traceparent,
    },
  }));
}

/** Locks the effects whose claims still hold and gives their ids. */
export async function holdClaims(
  tx: Transaction,
  claims: readonly Claim[],
): Promise<ReadonlySet<string>> {
  const sorted = [...claims].sort((a, b) => (a.id < b.id ? -1 : 1));
  const rows = await tx.query<{ id: string }>({
    name: 'effects-hold',
    text: `SELECT e.id FROM unnest($1::text[], $2::int[]) AS c(id, attempts)
           CROSS JOIN LATERAL (
             SELECT e.id FROM effects e WHERE e.id = c.id AND e.attempts = c.attempts
             OFFSET 0 FOR UPDATE) e`,
    values: [
      textColumn(sorted.map((claim) => claim.id)),
      intColumn(sorted.map((claim) => claim.attempts)),
    ],
  });
  return new Set(rows.map((row) => row.id));
}

/** Ends effects that are done. */
export function deleteEffects(ids: readonly string[]): Statement {
  return {
    name: 'effects-delete',
    text: 'DELETE FROM effects WHERE id = ANY($1::text[])',
    values: [textColumn(ids)],
  };
}

/** Gives claims back, to be due again at the given times. */
export function postponeEffects(
  rows: readonly { readonly id: string; readonly at: number }[],
): Statement {
  return {
    name: 'effects-postpone',
    text: `UPDATE effects SET due_at = p.due_at
           FROM unnest($1::text[], $2::timestamptz[]) AS p(id, due_at)
           WHERE effects.id = p.id AND effects.id = ANY($1::text[])`,
    values: [textColumn(rows.map((row) => row.id)), timeColumn(rows.map((row) => row.at))],
  };
}

/**
 * Gives back claims whose effect was not carried out at all: the attempt does not count, so the
 * next one need not look up an outcome.
 */
export async function releaseClaims(
  database: Database,
  claims: readonly (Claim & { readonly dueAt: number })[],
): Promise<void> {
  await database.query({
    name: 'effects-release',
    text: `UPDATE effects SET attempts = effects.attempts - 1, due_at = p.due_at
           FROM unnest($1::text[], $2::int[], $3::timestamptz[]) AS p(id, attempts, due_at)
           WHERE effects.id = p.id AND effects.id = ANY($1::text[])
             AND effects.attempts = p.attempts`,
    values: [
      textColumn(claims.map((claim) => claim.id)),
      intColumn(claims.map((claim) => claim.attempts)),
      timeColumn(claims.map((claim) => claim.dueAt)),
    ],
  });
}

/** Effects that are due now. */
export async function countDue(database: Database): Promise<number> {
  const [row] = await database.query<{ due: number }>({
    name: 'effects-count-due',
    text: 'SELECT count(*) AS due FROM effects WHERE due_at <= now()',
  });
  return row?.due ?? 0;
}
