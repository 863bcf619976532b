import type { CancelReason, Facts } from '@windlass/contracts/orders.ts';
import * as orders from '@windlass/contracts/orders.ts';
import { type Decision, stale } from '@windlass/runtime/decision.ts';
import { event } from '@windlass/runtime/event.ts';
import * as facts from './facts.ts';
import { evolve, type LaterEvent, type Order, type Timing } from './order.ts';

/** Records new facts with the one event that they are worth, or nothing when none is new. */
export function record(order: Order, next: Facts, now: number, timing: Timing): Decision<Order> {
  if (facts.sameFacts(order.facts, next)) return stale;
  const status = facts.statusOf(next);
  const data = { orderId: order.id, status, facts: next };
  if (status === 'CANCELLED' && order.status !== 'CANCELLED') {
    return decided(order, event(orders.cancellationCompleted, data), now, timing);
  }
  const isPaid = next.payment === 'captured' && order.facts.payment !== 'captured';
  if (isPaid && next.decision === 'proceed') {
    return decided(order, event(orders.confirmed, data), now, timing);
  }
  return decided(order, event(orders.progressed, data), now, timing);
}

/** The decision to cancel: made once, never taken back. In the hot lane, to overtake work. */
export function recordCancel(
  order: Order,
  known: Facts,
  cause: { readonly reason: CancelReason; readonly comment?: string },
  now: number,
  timing: Timing,
): Decision<Order> {
  const next: Facts = { ...known, decision: 'cancel', unresolved: false };
  const data = { orderId: order.id, status: facts.statusOf(next), facts: next, ...cause };
  return decided(order, event(orders.cancelled, data, { lane: 'hot' }), now, timing);
}

export function decided(
  order: Order,
  later: LaterEvent,
  now: number,
  timing: Timing,
): Decision<Order> {
  const change = evolve(order, later, now, timing);
  const { id: aggregateId, lane } = order;
  return {
    outcome: 'decided',
    aggregateId,
    lane,
    version: change.version,
    change,
    events: [later],
  };
}
