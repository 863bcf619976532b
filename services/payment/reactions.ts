import type { Reactions } from '@windlass/runtime/decision.ts';
import { cancel, requestRefund, submit } from './decisions.ts';
import type { Change, World } from './payment.ts';
import type { service } from './service.ts';

const aggregateId = ({ data }: { readonly data: { readonly orderId: string } }): string =>
  data.orderId;

/** None of these calls the provider: they commit the intent, and the effects carry it out. */
export const reactions: Reactions<typeof service.consumes, World, Change> = {
  'inventory.reserved': {
    aggregateId,
    decide: ({ data, lane }, world) => submit(data, lane, world),
  },
  'orders.cancelled': {
    aggregateId,
    decide: ({ data, lane }, world) => cancel(data.orderId, lane, world),
  },
  'orders.refund-requested': {
    aggregateId,
    decide: ({ data }, world) => requestRefund(data, world),
  },
};
