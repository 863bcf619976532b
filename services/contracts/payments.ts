import { z } from 'zod';
import { defineEvent } from './event.ts';
import { amount, currency, id } from './fields.ts';
import { defineStream } from './stream.ts';

export const captured = defineEvent({
  type: 'payments.captured',
  version: 1,
  key: 'orderId',
  data: z.object({ orderId: id, amount, currency }),
});
export const declined = defineEvent({
  type: 'payments.declined',
  version: 1,
  key: 'orderId',
  data: z.object({ orderId: id, reason: z.string().max(64) }),
});
/** The provider was asked and did not answer; the payment looks the outcome up until it knows. */
export const unknown = defineEvent({
  type: 'payments.unknown',
  version: 1,
  key: 'orderId',
  data: z.object({ orderId: id }),
});
/** The answer to a cancelled order of which nothing was captured. */
export const voided = defineEvent({
  type: 'payments.voided',
  version: 1,
  key: 'orderId',
  data: z.object({ orderId: id }),
});
export const refunded = defineEvent({
  type: 'payments.refunded',
  version: 1,
  key: 'orderId',
  data: z.object({
    orderId: id,
    /** Absent when the refund answers a cancellation. */
    refundId: id.optional(),
    amount,
    /** All that was refunded of this payment so far, this refund included. */
    refundedTotal: amount,
    currency,
  }),
});
export const refundFailed = defineEvent({
  type: 'payments.refund-failed',
  version: 1,
  key: 'orderId',
  data: z.object({
    orderId: id,
    refundId: id,
    amount,
    /** All refunds of this payment that failed so far, this one included. */
    failedTotal: amount,
    reason: z.string().max(64),
  }),
});
/** The provider's report and our ledger differ; nothing is corrected automatically. */
export const mismatch = defineEvent({
  type: 'payments.mismatch',
  version: 1,
  key: 'orderId',
  data: z.object({
    orderId: id,
    recorded: z.object({ captured: amount, refunded: amount }),
    reported: z.object({ captured: amount, refunded: amount }),
  }),
});

export const stream = defineStream({
  name: 'PAYMENTS',
  events: [captured, declined, unknown, voided, refunded, refundFailed, mismatch],
});
