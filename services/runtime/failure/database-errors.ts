import { isNativeError } from 'node:util/types';

/**
 * What a failed statement means for the work that it carried.
 *
 * - `unavailable`: the dependency is at fault; the same work is tried again in place.
 * - `contended`: another transaction was in the way; tried again at once, in smaller parts.
 * - `refused`: the data is at fault; only the row that it belongs to fails.
 */
export type DatabaseFailure = 'unavailable' | 'contended' | 'refused';

const contendedStates = new Set(['40001', '40P01', '55P03']);
/**
 * Connection failures, a refused login or a missing database, shutdown of the server, out of
 * resources. Read-only: a failed-over node.
 */
const unavailableStates = /^(08|28|3D000|57P0|53|25006|XX000|58)/;
const unavailableCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT',
]);
/** Errors of the driver that carry no code. */
const unavailableMessages =
  /terminated|timeout|not queryable|Connection ended|closed the connection|pool after calling end/i;

/** `undefined` when the error is not one of the database. */
export function classify(error: unknown): DatabaseFailure | undefined {
  if (!isNativeError(error)) return undefined;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (contendedStates.has(code)) return 'contended';
  // A statement that ran into its time limit: the same batch in smaller parts may not.
  if (code === '57014') return 'contended';
  if (unavailableStates.test(code) || unavailableCodes.has(code)) return 'unavailable';
  if (/^[0-9A-Z]{5}$/.test(code)) return 'refused';
  if (unavailableMessages.test(error.message)) return 'unavailable';
  return undefined;
}

/** Whether the same work may be tried again because a dependency was away. */
export function isUnavailable(error: unknown): boolean {
  const failure = classify(error);
  return failure === 'unavailable' || failure === 'contended';
}

/** Whether another transaction has inserted a row of this key since it was looked up. */
export function isLostInsert(error: unknown): boolean {
  return hasState(error, '23505');
}

/** Whether a row or a key was held by another transaction for longer than `lock_timeout`. */
export function isLockTimeout(error: unknown): boolean {
  return hasState(error, '55P03');
}

function hasState(error: unknown, state: string): boolean {
  return error instanceof Error && 'code' in error && error.code === state;
}
