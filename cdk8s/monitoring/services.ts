import type { ServiceDefinition } from '@windlass/contracts/service.ts';
import { service as inventory } from '@windlass/inventory/service.ts';
import { service as operator } from '@windlass/operator/service.ts';
import { service as order } from '@windlass/order/service.ts';
import { service as payment } from '@windlass/payment/service.ts';
import { streamOf } from '@windlass/runtime/event.ts';

/** Deployables that handle events and serve the metrics of the runtime. */
export const eventServices: readonly ServiceDefinition[] = [order, inventory, payment];

/** All that is watched. The payment provider's double is not: it is nowhere in production. */
export const watched: readonly ServiceDefinition[] = [...eventServices, operator];

/** Names of the streams that a service consumes, each once, in the order of its events. */
export function streamsOf({ consumes }: ServiceDefinition): readonly string[] {
  return [...new Set(consumes.map(({ type }) => streamOf(type)))];
}
