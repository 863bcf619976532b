import { z } from 'zod';
import { defineEvent } from './event.ts';
import { amount, currency, id, reservedLine, shortage } from './fields.ts';
import { defineStream } from './stream.ts';

export const reserved = defineEvent({
  type: 'inventory.reserved',
  version: 1,
  key: 'orderId',
  data: z.object({
    orderId: id,
    lines: z.array(reservedLine).min(1).max(100),
    total: amount,
    currency,
  }),
});
export const rejected = defineEvent({
  type: 'inventory.rejected',
  version: 1,
  key: 'orderId',
  data: z.object({
    orderId: id,
    reason: z.enum(['out-of-stock']),
    missing: z.array(shortage).max(100),
  }),
});
/** The answer to a cancelled order, without lines when nothing was held. */
export const released = defineEvent({
  type: 'inventory.released',
  version: 1,
  key: 'orderId',
  data: z.object({ orderId: id, lines: z.array(reservedLine).max(100) }),
});
export const committed = defineEvent({
  type: 'inventory.committed',
  version: 1,
  key: 'orderId',
  data: z.object({ orderId: id }),
});
/** The hold had expired and its stock was gone when the order was confirmed. */
export const commitFailed = defineEvent({
  type: 'inventory.commit-failed',
  version: 1,
  key: 'orderId',
  data: z.object({ orderId: id, missing: z.array(shortage).max(100) }),
});
export const expired = defineEvent({
  type: 'inventory.expired',
  version: 1,
  key: 'orderId',
  data: z.object({ orderId: id }),
});

export const stream = defineStream({
  name: 'INVENTORY',
  events: [reserved, rejected, released, committed, commitFailed, expired],
});
