import type { Timer } from '@windlass/runtime/store/timers.ts';
import type { Statement } from '@windlass/runtime/store/transaction.ts';
import { type Change, expireHold, type World } from './inventory.ts';

/** The end of each hold. A confirmation, a cancellation or an extension may be waiting. */
export const timers: readonly Timer<World, Change>[] = [
  {
    name: 'hold-expiry',
    answeredOn: ['ORDERS', 'PAYMENTS'],
    due: dueHolds,
    work: (row) => ({
      aggregateId: row.order_id,
      cause: { correlationId: row.correlation_id, traceparent: row.traceparent },
      decide: (world, now) => ({ decision: expireHold(row.order_id, world, now) }),
    }),
  },
];

/**
 * The first event of a reservation says for whom it was made. It is looked up for each hold that
 * has ended: as a plain join, the planner may begin with the first events of all reservations.
 */
function dueHolds(before: number, limit: number): Statement {
  return {
    name: 'reservations-due',
    text: `WITH due AS MATERIALIZED (
             SELECT order_id, expires_at FROM reservations
             WHERE expires_at <= $1::timestamptz
             ORDER BY expires_at LIMIT $2::int FOR UPDATE SKIP LOCKED
           )
           SELECT due.order_id, e.correlation_id, e.traceparent
           FROM due CROSS JOIN LATERAL (
             SELECT correlation_id, traceparent FROM events
             WHERE aggregate_id = due.order_id AND version = 1 LIMIT 1
           ) AS e
           ORDER BY due.expires_at`,
    values: [new Date(before), limit],
  };
}
