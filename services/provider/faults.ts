import { z } from 'zod';

const percent = z.number().min(0).max(100).default(0);

/** What goes wrong on purpose. `PUT /faults` replaces all of it; what is absent is off. */
export const faults = z.strictObject({
  /** So many charges are declined, as if by the card. */
  declinePercent: percent,
  /** So many charges are made and never answered. */
  timeoutAfterChargePercent: percent,
  /** So many refunds are refused. */
  refuseRefundPercent: percent,
  /** Every answer is this late. */
  slowMs: z.int().min(0).max(60_000).default(0),
  /** Every request is answered with 503 and nothing else happens. */
  down: z.boolean().default(false),
});
export type Faults = z.output<typeof faults>;

/** The same key always meets the same fate, so that a repeated call has the same outcome. */
export function isHit(key: string, fault: string, share: number): boolean {
  if (share <= 0) return false;
  let hash = 0x811c9dc5;
  for (const text of [fault, key]) {
    for (let index = 0; index < text.length; index++) {
      hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
    }
  }
  // FNV alone leaves the last characters in the low bits.
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return ((hash ^ (hash >>> 13)) >>> 0) % 10_000 < share * 100;
}
