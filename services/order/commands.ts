import type { Facts, OrderStatus } from '@windlass/contracts/orders.ts';
import * as orders from '@windlass/contracts/orders.ts';
import { type Decision, stale } from '@windlass/runtime/decision.ts';
import { event } from '@windlass/runtime/event.ts';
import type { FailureCode } from '@windlass/runtime/failure/errors.ts';
import { statusOf } from './facts.ts';
import { defaultTiming, type Order, type Timing } from './order.ts';
import { decided, recordCancel } from './recording.ts';

/** A command's outcome: what to record and the order after it, or why it is refused. */
export type Commanded =
  | { readonly decision: Decision<Order>; readonly order: Order }
  | { readonly refused: FailureCode };

const cancellable: readonly OrderStatus[] = [
  'CREATED',
  'RESERVED',
  'PAYMENT_UNKNOWN',
  'NEEDS_OPERATOR',
];

/** Asking again while it is being cancelled changes nothing and is answered alike. */
export function cancel(
  order: Order,
  comment: string | undefined,
  now: number,
  timing: Timing = defaultTiming,
): Commanded {
  if (order.facts.decision === 'cancel' && order.status !== 'CANCELLED') {
    return { decision: stale, order };
  }
  if (!cancellable.includes(order.status)) return { refused: 'order-not-cancellable' };
  const cause = { reason: 'requested' as const, ...(comment === undefined ? {} : { comment }) };
  return commanded(order, recordCancel(order, order.facts, cause, now, timing));
}

/** Without an amount all that is left is refunded. */
export function requestRefund(
  order: Order,
  refund: { readonly refundId: string; readonly amount: number | undefined },
  now: number,
  timing: Timing = defaultTiming,
): Commanded {
  const { captured: paid, refunded: repaid, refundPending, decision } = order.facts;
  if (decision === 'cancel' || paid === 0) return { refused: 'order-not-refundable' };
  const left = paid - repaid - refundPending;
  const amount = refund.amount ?? left;
  if (amount > left || amount === 0) return { refused: 'refund-exceeds-captured' };
  const next: Facts = { ...order.facts, refundPending: refundPending + amount };
  const later = event(orders.refundRequested, {
    orderId: order.id,
    status: statusOf(next),
    facts: next,
    refundId: refund.refundId,
    amount,
    currency: order.currency,
  });
  return commanded(order, decided(order, later, now, timing));
}

function commanded(order: Order, decision: Decision<Order>): Commanded {
  const after = decision.outcome === 'decided' ? decision.change : undefined;
  return { decision, order: after ?? order };
}
