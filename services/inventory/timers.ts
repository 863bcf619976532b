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

/** The first event of a reservation says for whom it was made. */
function dueHolds(before: number, limit: number): Statement {
  return {
    name: 'reservations-due',
    text: `SELECT r.order_id, e.correlation_id, e.traceparent
           FROM reservations AS r
             JOIN events AS e ON e.aggregate_id = r.order_id AND e.version = 1
           WHERE r.expires_at <= $1::timestamptz
           ORDER BY r.expires_at LIMIT $2::int FOR UPDATE OF r SKIP LOCKED`,
    values: [new Date(before), limit],
  };
}
