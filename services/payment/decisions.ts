import type * as inventory from '@windlass/contracts/inventory.ts';
import type * as orders from '@windlass/contracts/orders.ts';
import * as payments from '@windlass/contracts/payments.ts';
import type { Lane } from '@windlass/contracts/service.ts';
import {
  type Decision,
  type EventData,
  type NewEffect,
  orphan,
  stale,
} from '@windlass/runtime/decision.ts';
import { event, type NewEvent } from '@windlass/runtime/event.ts';
import type { LedgerEntry } from './ledger.ts';
import {
  type Change,
  isCaptured,
  leftOf,
  type Payment,
  pendingOf,
  type Refund,
  refundsMax,
  type World,
} from './payment.ts';

type Published = NewEvent<(typeof payments.stream.events)[number]>;

/** What one input adds up to before it becomes a decision. */
export interface Step {
  readonly payment: Payment;
  readonly events?: readonly Published[];
  readonly effects?: readonly NewEffect[];
  readonly entries?: readonly LedgerEntry[];
}

export function decided(before: Payment | undefined, step: Step): Decision<Change> {
  const { events = [], effects = [], entries = [] } = step;
  const version = (before?.version ?? 0) + events.length;
  const payment = { ...step.payment, version };
  return {
    outcome: 'decided',
    aggregateId: payment.orderId,
    lane: payment.lane,
    version,
    change: { payment, isNew: before === undefined, entries },
    events,
    effects,
  };
}

/** Ids of effects are the provider's idempotency keys, so they never change. */
export const chargeKey = (orderId: string): string => `charge-${orderId}`;
export const refundKey = (refundId: string): string => `refund-${refundId}`;
/** The provider repeats its answer to a key, so what it refused is asked for with another one. */
export const cancellationKey = (orderId: string, refusals = 0): string =>
  `refund-${orderId}-cancel${refusals === 0 ? '' : `-${refusals}`}`;

export type ChargePayload = {
  readonly orderId: string;
  readonly amount: number;
  readonly currency: string;
};
export type RefundPayload = {
  readonly orderId: string;
  readonly amount: number;
  /** Absent when a cancellation repays what is left. */
  readonly refundId?: string;
  /** How often the provider has refused to repay a cancelled order. */
  readonly refusals?: number;
};

const newPayment = (orderId: string, lane: Lane): Payment => ({
  orderId,
  lane,
  version: 0,
  status: 'SUBMITTED',
  amount: 0,
  currency: undefined,
  captured: 0,
  refunded: 0,
  refundFailed: 0,
  refunds: [],
  cancellation: 'none',
  mismatch: undefined,
});

/** The intent to charge. An order that costs nothing is captured without asking anybody. */
export function submit(
  reserved: EventData<typeof inventory.reserved>,
  lane: Lane,
  world: World,
): Decision<Change> {
  const { orderId, total: amount, currency } = reserved;
  if (world.has(orderId)) return stale;
  const payment: Payment = { ...newPayment(orderId, lane), amount, currency };
  if (amount === 0) {
    const captured = event(payments.captured, { orderId, amount, currency });
    return decided(undefined, { payment: { ...payment, status: 'CAPTURED' }, events: [captured] });
  }
  const payload: ChargePayload = { orderId, amount, currency };
  const charge = { id: chargeKey(orderId), kind: 'charge', payload };
  return decided(undefined, { payment, effects: [charge] });
}

/** Answered exactly once: at once when nothing is in flight, else when its outcome is known. */
export function cancel(orderId: string, lane: Lane, world: World): Decision<Change> {
  const before = world.get(orderId);
  if (before === undefined) {
    const tombstone: Payment = { ...newPayment(orderId, lane), status: 'VOIDED' };
    const voided = event(payments.voided, { orderId });
    return decided(undefined, {
      payment: { ...tombstone, cancellation: 'answered' },
      events: [voided],
    });
  }
  if (before.cancellation !== 'none') return stale;
  return decided(before, settleCancellation({ payment: { ...before, cancellation: 'waiting' } }));
}

/** Takes a cancellation that waits one step further, as far as the outcomes are known. */
export function settleCancellation(step: Step): Step {
  const { payment } = step;
  const { orderId, status, captured, refunded, currency } = payment;
  if (payment.cancellation !== 'waiting' || pendingOf(payment) > 0) return step;
  if (status === 'SUBMITTED' || status === 'UNKNOWN') return step;
  if (captured === 0 || currency === undefined) {
    return {
      ...step,
      payment: { ...payment, status: 'VOIDED', cancellation: 'answered' },
      events: [...(step.events ?? []), event(payments.voided, { orderId })],
    };
  }
  const amount = captured - refunded;
  if (amount === 0) {
    const repaid = event(payments.refunded, { orderId, amount, refundedTotal: refunded, currency });
    return {
      ...step,
      payment: { ...payment, cancellation: 'answered' },
      events: [...(step.events ?? []), repaid],
    };
  }
  const repay = { id: cancellationKey(orderId), kind: 'refund', payload: { orderId, amount } };
  return {
    ...step,
    payment: { ...payment, cancellation: 'repaying' },
    effects: [...(step.effects ?? []), repay],
  };
}

/** The order has checked the amount; this checks it again under the lock of the payment. */
export function requestRefund(
  request: EventData<typeof orders.refundRequested>,
  world: World,
): Decision<Change> {
  const { orderId, refundId, amount } = request;
  const before = world.get(orderId);
  if (before === undefined) return orphan;
  if (hasRefund(before, refundId)) return stale;
  const reason = refusalOf(before, amount);
  if (reason !== undefined) {
    return decided(before, refundRefused(before, { refundId, amount }, reason));
  }
  const payload: RefundPayload = { orderId, refundId, amount };
  return decided(before, {
    payment: withRefund(before, { refundId, amount, state: 'pending' }),
    effects: [{ id: refundKey(refundId), kind: 'refund', payload }],
  });
}

function refusalOf(payment: Payment, amount: number): string | undefined {
  if (payment.cancellation !== 'none') return 'order-cancelled';
  if (!isCaptured(payment)) return 'not-captured';
  if (payment.refunds.length >= refundsMax) return 'too-many-refunds';
  return amount > leftOf(payment) ? 'exceeds-captured' : undefined;
}

/** The refund failed for good. One that finds its row full is counted but not kept. */
export function refundRefused(
  before: Payment,
  { refundId, amount }: Pick<Refund, 'refundId' | 'amount'>,
  reason: string,
): Step {
  const failedTotal = before.refundFailed + amount;
  const data = { orderId: before.orderId, refundId, amount, failedTotal, reason };
  const isKept = before.refunds.length < refundsMax || hasRefund(before, refundId);
  const payment = isKept ? withRefund(before, { refundId, amount, state: 'failed' }) : before;
  return {
    payment: { ...payment, refundFailed: failedTotal },
    events: [event(payments.refundFailed, data)],
  };
}

const hasRefund = (payment: Payment, refundId: string): boolean =>
  payment.refunds.some((refund) => refund.refundId === refundId);

export function withRefund(payment: Payment, refund: Refund): Payment {
  const others = payment.refunds.filter(({ refundId }) => refundId !== refund.refundId);
  return { ...payment, refunds: [...others, refund] };
}
