import * as fields from '@windlass/contracts/fields.ts';
import { orderStatus } from '@windlass/contracts/orders.ts';
import { lanes } from '@windlass/contracts/service.ts';
import { z } from 'zod';
import type { Line } from './order.ts';

/** The price is the caller's: this platform has no catalogue. */
const line = z.strictObject(fields.line.shape);
const longestWaitMs = 30_000;

/** Lines of one SKU at one price are one line; the same SKU at another price stays its own. */
export function mergeLines(lines: readonly Line[]): readonly Line[] {
  // Most orders name each SKU once, and names of lines are dear.
  if (new Set(lines.map(({ sku }) => sku)).size === lines.length) return lines;
  const merged = new Map<string, Line>();
  for (const each of lines) {
    const name = `${each.sku} ${each.unitPrice}`;
    const quantity = (merged.get(name)?.quantity ?? 0) + each.quantity;
    merged.set(name, { ...each, quantity });
  }
  return [...merged.values()];
}

const fitsLine = ({ quantity }: Line) => quantity <= fields.lineQuantityMax;

export const placeBody = z.strictObject({
  customerId: fields.id,
  currency: fields.currency,
  lines: z
    .array(line)
    .min(1)
    .max(100)
    .refine(
      (lines) => mergeLines(lines).every(fitsLine),
      'lines of one SKU must not add up to more than 10000',
    ),
  lane: z.enum(lanes).default('standard'),
});

export const cancelBody = z.strictObject({ reason: fields.text(200).optional() });
export const refundBody = z.strictObject({ amount: fields.amount.min(1).optional() });
export const orderParams = z.strictObject({ orderId: fields.id });

const duration = z
  .string()
  .regex(/^\d{1,5}(ms|s)$/, 'must look like 500ms or 5s')
  .transform((value) => Number.parseInt(value, 10) * (value.endsWith('ms') ? 1 : 1_000))
  .refine((ms) => ms <= longestWaitMs, 'must be at most 30s');

export const waitQuery = z.strictObject({ wait: duration.optional() });

export const listQuery = z.strictObject({
  status: z
    .string()
    .max(200)
    .transform((value) => value.split(','))
    .pipe(z.array(orderStatus))
    .default([]),
  after: fields.id.optional(),
  limit: z
    .string()
    .regex(/^\d{1,3}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.int().min(1).max(100))
    .default(20),
});
