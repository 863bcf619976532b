import { createHash } from 'node:crypto';

const digits = 16;

/** A short name for a content. Keys are sorted, so that their order does not matter. */
export function digestOf(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(sorted(value));
  return createHash('sha256').update(text).digest('hex').slice(0, digits);
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, each]) => [key, sorted(each)]));
}
