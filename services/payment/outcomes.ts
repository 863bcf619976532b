import * as payments from '@windlass/contracts/payments.ts';
import { type Decision, orphan, stale } from '@windlass/runtime/decision.ts';
import type { ClaimedEffect, EffectFate } from '@windlass/runtime/effect.ts';
import { event } from '@windlass/runtime/event.ts';
import {
  type ChargePayload,
  cancellationKey,
  decided,
  type RefundPayload,
  refundRefused,
  settleCancellation,
  withRefund,
} from './decisions.ts';
import { bookCapture, bookRefund } from './ledger.ts';
import {
  type Change,
  nextLookup,
  type Payment,
  statusAfterRefund,
  type Timing,
  type World,
} from './payment.ts';

/** What is known of a charge after a call to the provider. */
export type ChargeResult =
  | { readonly outcome: 'captured' }
  | { readonly outcome: 'declined'; readonly reason: string }
  | { readonly outcome: 'unknown' };
export type RefundResult =
  | { readonly outcome: 'refunded' }
  | { readonly outcome: 'refused'; readonly reason: string }
  | { readonly outcome: 'unknown' };

export interface Settled {
  readonly decision: Decision<Change>;
  readonly fate: EffectFate;
}

const done: EffectFate = { next: 'done' };

function later(effect: { readonly attempts: number }, now: number, timing: Timing): EffectFate {
  return { next: 'retry', at: nextLookup(effect.attempts, now, timing) };
}

/** The first outcome that is not unknown settles the charge; whatever comes later is stale. */
export function settleCharge(
  effect: ClaimedEffect<ChargePayload>,
  result: ChargeResult,
  world: World,
  now: number,
  timing: Timing,
): Settled {
  const before = world.get(effect.payload.orderId);
  if (before === undefined) return { decision: orphan, fate: later(effect, now, timing) };
  const { orderId, status } = before;
  if (status !== 'SUBMITTED' && status !== 'UNKNOWN') return { decision: stale, fate: done };
  switch (result.outcome) {
    case 'captured':
      return { decision: capture(before, effect), fate: done };
    case 'declined': {
      const { reason } = result;
      const payment: Payment = { ...before, status: 'DECLINED' };
      const events = [event(payments.declined, { orderId, reason })];
      return { decision: decided(before, settleCancellation({ payment, events })), fate: done };
    }
    case 'unknown': {
      const fate = later(effect, now, timing);
      if (status === 'UNKNOWN') return { decision: stale, fate };
      const payment: Payment = { ...before, status: 'UNKNOWN' };
      const events = [event(payments.unknown, { orderId })];
      return { decision: decided(before, { payment, events }), fate };
    }
  }
}

function capture(before: Payment, effect: ClaimedEffect<ChargePayload>): Decision<Change> {
  const { orderId, amount, currency } = effect.payload;
  const payment: Payment = { ...before, status: 'CAPTURED', captured: amount };
  const step = settleCancellation({
    payment,
    events: [event(payments.captured, { orderId, amount, currency })],
    entries: bookCapture({ booking: effect.id, orderId, currency, amount }),
  });
  return decided(before, step);
}

/** A refund's outcome, of one that was asked for or of the one that answers a cancellation. */
export function settleRefund(
  effect: ClaimedEffect<RefundPayload>,
  result: RefundResult,
  world: World,
  now: number,
  timing: Timing,
): Settled {
  const { orderId, refundId } = effect.payload;
  const before = world.get(orderId);
  if (before === undefined) return { decision: orphan, fate: later(effect, now, timing) };
  const isOpen =
    refundId === undefined
      ? before.cancellation === 'repaying'
      : before.refunds.some((each) => each.refundId === refundId && each.state === 'pending');
  if (!isOpen) return { decision: stale, fate: done };
  if (result.outcome === 'refunded') return { decision: refund(before, effect), fate: done };
  if (result.outcome === 'unknown') return { decision: stale, fate: later(effect, now, timing) };
  if (refundId === undefined) {
    return { decision: repayAgain(before, effect, now, timing), fate: done };
  }
  const refused = refundRefused(before, { refundId, amount: effect.payload.amount }, result.reason);
  return { decision: decided(before, settleCancellation(refused)), fate: done };
}

/**
 * Money of a cancelled order must go back, so a refusal is no end: it is asked for again, ever
 * more rarely, and the order waits and is seen waiting.
 */
function repayAgain(
  before: Payment,
  { payload }: ClaimedEffect<RefundPayload>,
  now: number,
  timing: Timing,
): Decision<Change> {
  const { orderId } = payload;
  const refusals = (payload.refusals ?? 0) + 1;
  const again = {
    id: cancellationKey(orderId, refusals),
    kind: 'refund',
    payload: { ...payload, refusals },
    notBefore: nextLookup(refusals, now, timing),
  };
  return decided(before, { payment: before, effects: [again] });
}

function refund(before: Payment, effect: ClaimedEffect<RefundPayload>): Decision<Change> {
  const { orderId, refundId, amount } = effect.payload;
  const { currency } = before;
  if (currency === undefined) throw new Error(`payment ${orderId} was refunded, never charged`);
  const refunded = before.refunded + amount;
  const status = statusAfterRefund(before.captured, refunded);
  const answer = { orderId, amount, refundedTotal: refunded, currency };
  const payment: Payment = { ...before, refunded, status };
  const entries = bookRefund({ booking: effect.id, orderId, currency, amount });
  if (refundId === undefined) {
    return decided(before, {
      payment: { ...payment, cancellation: 'answered' },
      events: [event(payments.refunded, answer)],
      entries,
    });
  }
  const step = settleCancellation({
    payment: withRefund(payment, { refundId, amount, state: 'done' }),
    events: [event(payments.refunded, { ...answer, refundId })],
    entries,
  });
  return decided(before, step);
}
