import type { Lane } from '@windlass/contracts/service.ts';
import type { LedgerEntry } from './ledger.ts';

/** How often an unknown outcome is looked up, and how long a call may take. */
export interface Timing {
  readonly lookupBaseMs: number;
  readonly lookupMaxMs: number;
  readonly providerTimeoutMs: number;
}
export const defaultTiming: Timing = {
  lookupBaseMs: 5_000,
  lookupMaxMs: 3_600_000,
  providerTimeoutMs: 8_000,
};

export const paymentStatuses = [
  'SUBMITTED',
  'UNKNOWN',
  'CAPTURED',
  'DECLINED',
  'VOIDED',
  'PARTIALLY_REFUNDED',
  'REFUNDED',
] as const;
export type PaymentStatus = (typeof paymentStatuses)[number];

/** One refund that was asked for, kept so that asking twice refunds once. */
export interface Refund {
  readonly refundId: string;
  readonly amount: number;
  readonly state: 'pending' | 'done' | 'failed';
}
/** More refunds of one payment are refused: all of them stand in its row. */
export const refundsMax = 100;

export interface Payment {
  readonly orderId: string;
  readonly lane: Lane;
  readonly version: number;
  readonly status: PaymentStatus;
  readonly amount: number;
  /** Absent for a tombstone: the cancellation came before there was anything to charge. */
  readonly currency: string | undefined;
  readonly captured: number;
  readonly refunded: number;
  /** Sum of the refunds that failed. */
  readonly refundFailed: number;
  readonly refunds: readonly Refund[];
  /**
   * `waiting` until the outcome of the charge and of every refund is known, then `repaying`
   * while the rest goes back, then `answered`.
   */
  readonly cancellation: 'none' | 'waiting' | 'repaying' | 'answered';
  /** The last difference to the provider's report that was published. */
  readonly mismatch: Totals | undefined;
}

export interface Totals {
  readonly captured: number;
  readonly refunded: number;
}

/** Payments by order id. */
export type World = Map<string, Payment>;

export interface Change {
  readonly payment: Payment;
  /** Whether there is no row of it yet. */
  readonly isNew: boolean;
  readonly entries: readonly LedgerEntry[];
}

export function evolve(world: World, { payment }: Change): void {
  world.set(payment.orderId, payment);
}

/** What was asked to be refunded and has no outcome yet. */
export function pendingOf({ refunds }: Payment): number {
  return refunds.reduce((sum, { state, amount }) => sum + (state === 'pending' ? amount : 0), 0);
}

/** What can still be refunded. */
export const leftOf = (payment: Payment): number =>
  payment.captured - payment.refunded - pendingOf(payment);

export function isCaptured({ status }: Payment): boolean {
  return status === 'CAPTURED' || status === 'PARTIALLY_REFUNDED' || status === 'REFUNDED';
}

/** Whether a call to the provider may be under way or unanswered. */
export function isInFlight(payment: Payment): boolean {
  const { status, cancellation } = payment;
  const isCharging = status === 'SUBMITTED' || status === 'UNKNOWN';
  return isCharging || cancellation === 'repaying' || pendingOf(payment) > 0;
}

export function statusAfterRefund(captured: number, refunded: number): PaymentStatus {
  return refunded >= captured ? 'REFUNDED' : 'PARTIALLY_REFUNDED';
}

/** When to look an unknown outcome up again: the wait doubles with each attempt. */
export function nextLookup(attempts: number, now: number, timing: Timing): number {
  const doublings = Math.min(attempts, 30);
  return now + Math.min(timing.lookupMaxMs, timing.lookupBaseMs * 2 ** doublings);
}
