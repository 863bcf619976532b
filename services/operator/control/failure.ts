import { errorText } from '@windlass/runtime/failure/error-text.ts';
import { withoutPasswords } from '@windlass/runtime/telemetry/log.ts';
import { ReconcileError } from './kind.ts';
import { isConflict, isUnavailable, KubeError, LostLeadership } from './kube-error.ts';

const messageMaxLength = 1_024;

/** What the loop makes of an error that a reconciliation threw. */
export type Failure =
  /** This process stops or leads no more: somebody else goes on. */
  | { readonly outcome: 'ended' }
  /** Nothing is wrong with the object, and its status could not be written either. */
  | { readonly outcome: 'later'; readonly afterMs: number | undefined }
  | {
      readonly outcome: 'failed';
      readonly reason: string;
      readonly message: string;
      readonly isStalled: boolean;
      readonly afterMs: number | undefined;
    };

export function failureOf(error: unknown, signal: AbortSignal): Failure {
  if (error instanceof LostLeadership || signal.aborted) return { outcome: 'ended' };
  // What was read has changed meanwhile; the next look is at what it is now.
  if (isConflict(error)) return { outcome: 'later', afterMs: undefined };
  if (isUnavailable(error)) return { outcome: 'later', afterMs: error.retryAfterMs };
  if (error instanceof ReconcileError) {
    const { reason, isStalled, retryAfterMs } = error;
    return { outcome: 'failed', reason, message: shown(error), isStalled, afterMs: retryAfterMs };
  }
  const reason = error instanceof KubeError ? reasonOf(error) : 'InternalError';
  const message = shown(error);
  return { outcome: 'failed', reason, message, isStalled: false, afterMs: undefined };
}

function reasonOf({ reason, causes }: KubeError): string {
  const isTerminating = causes.includes('NamespaceTerminating');
  return isTerminating ? 'NamespaceTerminating' : reason;
}

function shown(error: unknown): string {
  const message = errorText(error);
  return withoutPasswords(message).slice(0, messageMaxLength);
}
