import { isRecord } from './received.ts';

type Fields = Readonly<Record<string, unknown>>;

const movedShare = 0.05;

/** Objects in both are merged; of anything else, `over` counts. What is undefined is left out. */
export function merged(base: Fields, over: Fields): Fields {
  const result: Record<string, unknown> = {};
  for (const [name, value] of [...Object.entries(base), ...Object.entries(over)]) {
    const known = result[name];
    if (value === undefined) continue;
    result[name] = isRecord(known) && isRecord(value) ? merged(known, value) : value;
  }
  return result;
}

/** The figures as they are stored; those that are not stored yet as they are now. */
export function storedFigures(figures: Fields, stored: Fields): Fields {
  return Object.fromEntries(
    Object.entries(figures).map(([name, value]) => {
      const known = stored[name];
      if (isRecord(value) && isRecord(known)) return [name, storedFigures(value, known)];
      return [name, known ?? value];
    }),
  );
}

/** Whether a number moved by more than 5 % of what it was, or anything else changed at all. */
export function hasMoved(before: unknown, after: unknown): boolean {
  if (typeof before === 'number' && typeof after === 'number') {
    return Math.abs(after - before) > Math.abs(before) * movedShare;
  }
  if (Array.isArray(before) && Array.isArray(after)) {
    return (
      before.length !== after.length || before.some((each, index) => hasMoved(each, after[index]))
    );
  }
  if (isRecord(before) && isRecord(after)) {
    return Object.entries(after).some(
      ([name, value]) => value !== undefined && hasMoved(before[name], value),
    );
  }
  return before !== after;
}
