import { z } from 'zod';
import { defineEvent } from './event.ts';
import { amount, currency, id, line, text } from './fields.ts';
import { defineStream } from './stream.ts';

export const orderStatuses = [
  'CREATED',
  'RESERVED',
  'CONFIRMED',
  'REJECTED',
  'PAYMENT_UNKNOWN',
  'CANCELLING',
  'CANCELLED',
  'REFUNDING',
  'REFUNDED',
  'NEEDS_OPERATOR',
] as const;
export const orderStatus = z.enum(orderStatuses);
export type OrderStatus = z.output<typeof orderStatus>;

/** An order in one of these waits for nobody. A confirmed one may still be refunded. */
export const settledStatuses: readonly OrderStatus[] = [
  'REJECTED',
  'CANCELLED',
  'CONFIRMED',
  'REFUNDED',
];

/** What the order knows; its status is a pure function of these. */
export const facts = z.object({
  decision: z.enum(['proceed', 'cancel']),
  reservation: z.enum(['none', 'held', 'expired', 'committed', 'refused', 'released']),
  payment: z.enum(['none', 'unknown', 'captured', 'declined', 'voided', 'refunded']),
  captured: amount,
  refunded: amount,
  /** Sum of the refunds that were asked for and are not answered. */
  refundPending: amount,
  /** Sum of the refunds that failed; kept so that a repeated answer changes nothing. */
  refundFailed: amount,
  /** An unknown payment stayed unresolved for longer than the reconcile deadline. */
  unresolved: z.boolean(),
});
export type Facts = z.output<typeof facts>;

export const cancelReasons = [
  'requested',
  'payment-declined',
  'reserve-timeout',
  'hold-expired',
  'commit-failed',
] as const;
export const cancelReason = z.enum(cancelReasons);
export type CancelReason = z.output<typeof cancelReason>;

/** Every event after the first carries the status and the facts that it led to. */
const progress = { orderId: id, status: orderStatus, facts };

export const created = defineEvent({
  type: 'orders.created',
  version: 1,
  key: 'orderId',
  data: z.object({
    orderId: id,
    customerId: id,
    currency,
    lines: z.array(line).min(1).max(100),
    total: amount,
  }),
});
/** A fact was recorded that is no milestone of its own, for example that stock is held. */
export const progressed = defineEvent({
  type: 'orders.progressed',
  version: 1,
  key: 'orderId',
  data: z.object(progress),
});
export const paymentOverdue = defineEvent({
  type: 'orders.payment-overdue',
  version: 1,
  key: 'orderId',
  data: z.object(progress),
});
export const confirmed = defineEvent({
  type: 'orders.confirmed',
  version: 1,
  key: 'orderId',
  data: z.object(progress),
});
/** Published on entering CANCELLING; inventory and payment each always answer it. */
export const cancelled = defineEvent({
  type: 'orders.cancelled',
  version: 1,
  key: 'orderId',
  data: z.object({ ...progress, reason: cancelReason, comment: text(200).optional() }),
});
export const cancellationCompleted = defineEvent({
  type: 'orders.cancellation-completed',
  version: 1,
  key: 'orderId',
  data: z.object(progress),
});
export const refundRequested = defineEvent({
  type: 'orders.refund-requested',
  version: 1,
  key: 'orderId',
  data: z.object({ ...progress, refundId: id, amount: amount.min(1), currency }),
});

export const stream = defineStream({
  name: 'ORDERS',
  events: [
    created,
    progressed,
    paymentOverdue,
    confirmed,
    cancelled,
    cancellationCompleted,
    refundRequested,
  ],
});
