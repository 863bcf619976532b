import { createHash } from 'node:crypto';
import { isNativeError } from 'node:util/types';
import { classify } from './database-errors.ts';
import { errorText } from './error-text.ts';

/** Thrown by a handler for a message that no repetition can mend. */
export class PermanentError extends Error {
  override readonly name = 'PermanentError';
}

/** What a failed handling means for its message. Unknown errors are transient. */
export const errorClasses = ['transient', 'permanent'] as const;
export type ErrorClass = (typeof errorClasses)[number];

export function errorClassOf(error: unknown): ErrorClass {
  if (error instanceof PermanentError) return 'permanent';
  // The database refuses this data (class 22) today as tomorrow.
  const code = isNativeError(error) && 'code' in error ? String(error.code) : '';
  return classify(error) === 'refused' && code.startsWith('22') ? 'permanent' : 'transient';
}

/** At most 1 KiB of the error's message. */
export function messageOf(error: unknown): string {
  return errorText(error).slice(0, 1024).toWellFormed().replaceAll('\0', '');
}

/** The same for the same place in the code: groups dead letters of one cause. */
export function stackHashOf(error: unknown): string {
  const stack = isNativeError(error) ? (error.stack ?? error.message) : String(error);
  const places = stack
    .split('\n')
    .filter((line) => line.trimStart().startsWith('at '))
    .join('\n');
  return createHash('sha256').update(places).digest('hex').slice(0, 16);
}
