import type { Facts, OrderStatus } from '@windlass/contracts/orders.ts';

export const initialFacts: Facts = {
  decision: 'proceed',
  reservation: 'none',
  payment: 'none',
  captured: 0,
  refunded: 0,
  refundPending: 0,
  refundFailed: 0,
  unresolved: false,
};

/**
 * How late in the life of a reservation or of a payment an answer belongs. The later one is
 * kept whatever arrives first, which makes the facts independent of the order of arrival.
 */
const reservationRank: Readonly<Record<Facts['reservation'], number>> = {
  none: 0,
  refused: 1,
  held: 2,
  expired: 3,
  committed: 4,
  released: 5,
};
const paymentRank: Readonly<Record<Facts['payment'], number>> = {
  none: 0,
  unknown: 1,
  captured: 2,
  declined: 2,
  voided: 3,
  refunded: 4,
};

/** The status of an order is nothing but this function of its facts. */
export function statusOf(facts: Facts): OrderStatus {
  if (facts.decision === 'cancel') {
    if (isReleased(facts) && isRepaid(facts)) return 'CANCELLED';
    return facts.unresolved ? 'NEEDS_OPERATOR' : 'CANCELLING';
  }
  if (facts.reservation === 'refused') return 'REJECTED';
  switch (facts.payment) {
    case 'unknown':
      return facts.unresolved ? 'NEEDS_OPERATOR' : 'PAYMENT_UNKNOWN';
    case 'captured':
      return facts.refundPending > 0 ? 'REFUNDING' : 'CONFIRMED';
    case 'refunded':
      return 'REFUNDED';
    default:
      return facts.reservation === 'none' ? 'CREATED' : 'RESERVED';
  }
}

/** Inventory answers every cancellation with `released`, so nothing less ends one. */
function isReleased(facts: Facts): boolean {
  return facts.reservation === 'released';
}

/** Payment answers every cancellation with one of these, also after it declined. */
function isRepaid(facts: Facts): boolean {
  return facts.payment === 'voided' || facts.payment === 'refunded';
}

export function withReservation(facts: Facts, reservation: Facts['reservation']): Facts {
  if (reservationRank[reservation] <= reservationRank[facts.reservation]) return facts;
  return { ...facts, reservation };
}

/** Any answer about the payment ends `unresolved`, which only an unknown payment can be. */
export function withPayment(facts: Facts, payment: Facts['payment']): Facts {
  if (paymentRank[payment] <= paymentRank[facts.payment]) return facts;
  return { ...facts, payment, unresolved: false };
}

/** Payment only charges what is held, so any outcome of a charge says that stock was held. */
export function withCharge(facts: Facts, payment: 'unknown' | 'captured' | 'declined'): Facts {
  return withPayment(withReservation(facts, 'held'), payment);
}

export function withCaptured(facts: Facts, amount: number): Facts {
  const charged = withCharge(facts, 'captured');
  return { ...charged, captured: Math.max(charged.captured, amount) };
}

/** The answer to a cancellation: everything that was captured went back. */
export function withRepaid(facts: Facts, refundedTotal: number): Facts {
  return {
    ...withPayment(withReservation(facts, 'held'), 'refunded'),
    captured: Math.max(facts.captured, refundedTotal),
    refunded: Math.max(facts.refunded, refundedTotal),
    refundPending: 0,
  };
}

/** The totals only grow, so an answer that comes late or twice adds nothing. */
export function withRefunded(facts: Facts, refundedTotal: number): Facts {
  const added = Math.max(0, refundedTotal - facts.refunded);
  const refunded = facts.refunded + added;
  const next = { ...facts, refunded, refundPending: Math.max(0, facts.refundPending - added) };
  const isComplete = facts.captured > 0 && refunded >= facts.captured;
  return isComplete ? { ...withPayment(next, 'refunded'), refundPending: 0 } : next;
}

export function withRefundFailed(facts: Facts, failedTotal: number): Facts {
  const added = Math.max(0, failedTotal - facts.refundFailed);
  return {
    ...facts,
    refundFailed: facts.refundFailed + added,
    refundPending: Math.max(0, facts.refundPending - added),
  };
}

export function sameFacts(left: Facts, right: Facts): boolean {
  return (
    left.decision === right.decision &&
    left.reservation === right.reservation &&
    left.payment === right.payment &&
    left.captured === right.captured &&
    left.refunded === right.refunded &&
    left.refundPending === right.refundPending &&
    left.refundFailed === right.refundFailed &&
    left.unresolved === right.unresolved
  );
}
