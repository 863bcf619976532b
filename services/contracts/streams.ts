import { stream as inventory } from './inventory.ts';
import { stream as orders } from './orders.ts';
import { stream as payments } from './payments.ts';
import type { StreamDefinition } from './stream.ts';

/** Every stream of business events; adding a bounded context adds one line here. */
export const streams: readonly StreamDefinition[] = [orders, inventory, payments];
