import { randomFillSync } from 'node:crypto';

const pool = Buffer.alloc(4_096);
let used = pool.length;

/**
 * A UUIDv7 (RFC 9562): sorts by the millisecond it was made in, so that new rows go to the right
 * end of their index. It tells that time to whoever sees it and is no secret.
 */
export function uuidv7(nowMs: number = Date.now()): string {
  if (used + 10 > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const time = nowMs.toString(16).padStart(12, '0');
  const random = pool.toString('hex', used, used + 10);
  const variant = ((pool[used + 2] ?? 0) & 0x3f) | 0x80;
  used += 10;
  return (
    `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(0, 3)}-` +
    `${variant.toString(16)}${random.slice(6, 8)}-${random.slice(8, 20)}`
  );
}
