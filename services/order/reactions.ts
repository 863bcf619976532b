import { orphan, type Reaction, type Reactions } from '@windlass/runtime/decision.ts';
import * as answers from './answers.ts';
import { defaultTiming, type Order, type Timing } from './order.ts';
import type { service } from './service.ts';
import type { World } from './store.ts';

interface About<Data> {
  readonly data: Data & { readonly orderId: string };
}

/** Every consumed event is an answer to one of this service's own, about an order it knows. */
export function reactions(
  timing: Timing = defaultTiming,
): Reactions<typeof service.consumes, World, Order> {
  const on = <Data>(answered: answers.Answered<Data>): Reaction<About<Data>, World, Order> => ({
    aggregateId: ({ data }) => data.orderId,
    decide: ({ data }, world, now) => {
      const order = world.get(data.orderId);
      return order === undefined ? orphan : answered(order, data, now, timing);
    },
  });
  return {
    'inventory.reserved': on(answers.reserved),
    'inventory.rejected': on(answers.rejected),
    'inventory.released': on(answers.released),
    'inventory.commit-failed': on(answers.commitFailed),
    'inventory.expired': on(answers.expired),
    'payments.captured': on(answers.captured),
    'payments.declined': on(answers.declined),
    'payments.unknown': on(answers.unknown),
    'payments.voided': on(answers.voided),
    'payments.refunded': on(answers.refunded),
    'payments.refund-failed': on(answers.refundFailed),
  };
}
