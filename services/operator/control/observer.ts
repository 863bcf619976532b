import type { Resource } from './objects.ts';
import type { ReflectorObserver } from './reflector.ts';

/** How a reconciliation ended. */
export type ReconcileResult =
  | 'converged'
  | 'progressing'
  | 'stalled'
  | 'failed'
  /** The API server was away, or what was read had changed. */
  | 'postponed'
  | 'paused'
  | 'dry-run'
  | 'released'
  | 'gone'
  /** The process stopped, or lost the lease. */
  | 'ended';

/** What the control loop does, for metrics. None of it may throw. */
export interface LoopObserver extends ReflectorObserver {
  reconciled(resource: Resource, result: ReconcileResult, durationMs: number): void;
  /** It is tried again with growing delay. */
  retried(resource: Resource): void;
  statusWritten(resource: Resource): void;
}

export const noObserver: LoopObserver = {
  reconciled: () => {},
  retried: () => {},
  statusWritten: () => {},
  restarted: () => {},
  missed: () => {},
};
