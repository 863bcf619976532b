import type { Reactions } from '@windlass/runtime/decision.ts';
import {
  type Change,
  commit,
  defaultTiming,
  extendHold,
  release,
  reserve,
  type Timing,
  type World,
} from './inventory.ts';
import type { service } from './service.ts';

interface About {
  readonly data: { readonly orderId: string };
}
const aggregateId = ({ data }: About): string => data.orderId;

/** Only a new order names SKUs; the store loads those of a reservation along with it. */
export function reactions(
  timing: Timing = defaultTiming,
): Reactions<typeof service.consumes, World, Change> {
  const extend = {
    aggregateId,
    decide: ({ data }: About, world: World, now: number) =>
      extendHold(data.orderId, world, now, timing),
  };
  return {
    'orders.created': {
      aggregateId,
      resources: ({ data }) => data.lines.map((line) => line.sku),
      decide: ({ data, lane }, world, now) => reserve(data, lane, world, now, timing),
    },
    'orders.confirmed': { aggregateId, decide: ({ data }, world) => commit(data.orderId, world) },
    'orders.cancelled': {
      aggregateId,
      decide: ({ data, lane }, world) => release(data.orderId, lane, world),
    },
    'orders.payment-overdue': extend,
    'payments.unknown': extend,
  };
}
