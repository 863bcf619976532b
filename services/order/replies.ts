import * as fields from '@windlass/contracts/fields.ts';
import { orderStatus } from '@windlass/contracts/orders.ts';
import type { Reply } from '@windlass/runtime/http/route.ts';
import { z } from 'zod';
import type { Order } from './order.ts';

const instant = z.iso.datetime();

export const accepted = z.object({ orderId: fields.id, status: orderStatus, acceptedAt: instant });
export const summary = z.object({
  orderId: fields.id,
  status: orderStatus,
  total: fields.amount,
  currency: fields.currency,
  acceptedAt: instant,
});
export const view = z.object({
  ...summary.shape,
  lines: z.array(fields.line),
  history: z.array(z.object({ status: orderStatus, at: instant })),
});
export const page = z.object({ items: z.array(summary), next: fields.id.nullable() });
export const refundAccepted = z.object({ refundId: fields.id });

/** The answer to an accepted order; stored with its key. */
export function acceptedReply(order: Order): Reply {
  const { id: orderId, status } = order;
  const acceptedAt = new Date(order.acceptedAt).toISOString();
  return {
    status: 202,
    body: JSON.stringify({ orderId, status, acceptedAt }),
    headers: { location: `/v1/orders/${orderId}` },
  };
}

export function ok(body: unknown, status = 200): Reply {
  return { status, body: JSON.stringify(body) };
}
