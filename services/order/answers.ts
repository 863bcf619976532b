import { type Decision, stale } from '@windlass/runtime/decision.ts';
import * as facts from './facts.ts';
import type { Order, Timing } from './order.ts';
import { record, recordCancel } from './recording.ts';

/** What an answer of inventory or payment decides. */
export type Answered<Data> = (
  order: Order,
  data: Data,
  now: number,
  timing: Timing,
) => Decision<Order>;

export const reserved: Answered<unknown> = (order, _, now, timing) =>
  record(order, facts.withReservation(order.facts, 'held'), now, timing);

export const rejected: Answered<unknown> = (order, _, now, timing) =>
  record(order, facts.withReservation(order.facts, 'refused'), now, timing);

/** Only a cancellation is answered like this, and the decision to cancel is always ours. */
export const released: Answered<unknown> = (order, _, now, timing) =>
  order.facts.decision === 'proceed'
    ? stale
    : record(order, facts.withReservation(order.facts, 'released'), now, timing);

/** Sold, but not in stock any more: the money goes back, also when it partly did already. */
export const commitFailed: Answered<unknown> = (order, _, now, timing) => {
  const known = facts.withReservation(order.facts, 'expired');
  if (known.decision === 'cancel') return record(order, known, now, timing);
  return recordCancel(order, known, { reason: 'commit-failed' }, now, timing);
};

/** Once paid, an expired hold is for inventory to mend: it reserves again or answers failed. */
export const expired: Answered<unknown> = (order, _, now, timing) => {
  const { decision, payment } = order.facts;
  const known = facts.withReservation(order.facts, 'expired');
  if (decision === 'cancel') return record(order, known, now, timing);
  if (payment === 'captured' || payment === 'refunded') return stale;
  if (facts.sameFacts(order.facts, known)) return stale;
  return recordCancel(order, known, { reason: 'hold-expired' }, now, timing);
};

/**
 * Confirms the order, and with it the sale: inventory commits because of it, or answers
 * `commit-failed`. That it did commit is no news and not consumed.
 */
export const captured: Answered<{ readonly amount: number }> = (order, data, now, timing) => {
  const known = facts.withCaptured(order.facts, data.amount);
  const isConfirmed = known.decision === 'proceed';
  const next = isConfirmed ? facts.withReservation(known, 'committed') : known;
  return record(order, next, now, timing);
};

export const declined: Answered<unknown> = (order, _, now, timing) => {
  const known = facts.withCharge(order.facts, 'declined');
  if (known.decision === 'cancel' || known.payment !== 'declined') {
    return record(order, known, now, timing);
  }
  return recordCancel(order, known, { reason: 'payment-declined' }, now, timing);
};

export const unknown: Answered<unknown> = (order, _, now, timing) =>
  record(order, facts.withCharge(order.facts, 'unknown'), now, timing);

export const voided: Answered<unknown> = (order, _, now, timing) =>
  order.facts.decision === 'proceed'
    ? stale
    : record(order, facts.withPayment(order.facts, 'voided'), now, timing);

export const refunded: Answered<{
  readonly refundId?: string | undefined;
  readonly refundedTotal: number;
}> = (order, data, now, timing) => {
  if (data.refundId !== undefined) {
    return record(order, facts.withRefunded(order.facts, data.refundedTotal), now, timing);
  }
  if (order.facts.decision === 'proceed') return stale;
  return record(order, facts.withRepaid(order.facts, data.refundedTotal), now, timing);
};

export const refundFailed: Answered<{ readonly failedTotal: number }> = (
  order,
  data,
  now,
  timing,
) => record(order, facts.withRefundFailed(order.facts, data.failedTotal), now, timing);
