/**
 * Milliseconds since the epoch with fractions. `performance.timeOrigin` would not do: it does
 * not follow the corrections that the system's clock, and with it PostgreSQL's, has had since.
 */
export function wallClock(): number {
  const before = Date.now();
  let now = before;
  while (now === before) now = Date.now();
  return now;
}
