import * as orders from '@windlass/contracts/orders.ts';
import { type Decision, stale } from '@windlass/runtime/decision.ts';
import { event } from '@windlass/runtime/event.ts';
import * as facts from './facts.ts';
import { type DeadlineKind, defaultTiming, type Order, type Timing } from './order.ts';
import { decided, record, recordCancel } from './recording.ts';

/** Stale when the answer came first: the deadline is then another one or none. */
export function deadlinePassed(
  order: Order,
  kind: DeadlineKind,
  now: number,
  timing: Timing = defaultTiming,
): Decision<Order> {
  if (order.deadline?.kind !== kind || order.deadline.at > now) return stale;
  switch (kind) {
    case 'reserve':
      return recordCancel(order, order.facts, { reason: 'reserve-timeout' }, now, timing);
    case 'pay': {
      const next = facts.withCharge(order.facts, 'unknown');
      const data = { orderId: order.id, status: facts.statusOf(next), facts: next };
      return decided(order, event(orders.paymentOverdue, data), now, timing);
    }
    case 'reconcile':
      return record(order, { ...order.facts, unresolved: true }, now, timing);
  }
}
