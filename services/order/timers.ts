import { stale } from '@windlass/runtime/decision.ts';
import type { Timer } from '@windlass/runtime/store/timers.ts';
import type { Statement } from '@windlass/runtime/store/transaction.ts';
import { deadlinePassed } from './deadlines.ts';
import { defaultTiming, type Order, type Timing } from './order.ts';
import type { World } from './store.ts';

/** The deadline that each order has. It waits for the answers that have arrived to be handled. */
export function timers(timing: Timing = defaultTiming): readonly Timer<World, Order>[] {
  return [
    {
      name: 'order-deadlines',
      answeredOn: ['INVENTORY', 'PAYMENTS'],
      due: dueDeadlines,
      work: (row) => ({
        aggregateId: row.id,
        cause: { correlationId: row.correlation_id, traceparent: row.traceparent },
        decide(world, now) {
          const order = world.get(row.id);
          if (order === undefined) return { decision: stale };
          return { decision: deadlinePassed(order, row.deadline_kind, now, timing) };
        },
      }),
    },
  ];
}

function dueDeadlines(before: number, limit: number): Statement {
  return {
    name: 'orders-due',
    text: `SELECT id, deadline_kind, correlation_id, traceparent
           FROM orders WHERE deadline_at <= $1::timestamptz
           ORDER BY deadline_at LIMIT $2::int FOR UPDATE SKIP LOCKED`,
    values: [new Date(before), limit],
  };
}
