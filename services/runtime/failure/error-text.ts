import { isNativeError } from 'node:util/types';

/** What was thrown, for a person: most of it is an error, of whatever realm, but not all. */
export function errorText(error: unknown): string {
  return error instanceof Error || isNativeError(error) ? error.message : String(error);
}
