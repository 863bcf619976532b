import { z } from 'zod';

/** Ids travel in subjects, headers and URLs, so nothing else is allowed in them. */
export const id = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be 1 to 64 of A-Z a-z 0-9 _ -');

/** Money is a whole number of minor units (cents). */
export const amount = z.int().min(0).max(Number.MAX_SAFE_INTEGER);

/** ISO 4217 alphabetic code. */
export const currency = z.string().regex(/^[A-Z]{3}$/, 'must be an ISO 4217 code');

/**
 * Free text. PostgreSQL stores neither NUL nor lone surrogates, and one such row would fail
 * the whole batch that it travels in.
 */
export const text = (max: number) =>
  z
    .string()
    .max(max)
    .refine((value) => value.isWellFormed() && !value.includes('\0'), 'must be well-formed text');

export const lineQuantityMax = 10_000;
export const line = z.object({
  sku: id,
  quantity: z.int().min(1).max(lineQuantityMax),
  unitPrice: z.int().min(0).max(1_000_000_000),
});
/** 100 lines of 10⁴ pieces may be summed per SKU, hence the wider bound inside events. */
export const reservedLine = z.object({ sku: id, quantity: z.int().min(1).max(1_000_000) });
export const shortage = z.object({
  sku: id,
  requested: z.int().min(1),
  available: z.int().min(0),
});
