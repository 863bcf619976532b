import type { Logger } from '@windlass/runtime/telemetry/log.ts';
import type { Cache } from './cache.ts';
import type { KubeClient } from './client.ts';
import type { Condition, Key, KubeObject, Resource } from './objects.ts';

/** One step of a plan. `describe` is what a dry run shows and the log says: one short sentence. */
export interface PlannedAction {
  readonly describe: string;
}

/** What one look at the facts says: what is to be done, and what the object's status is. */
export interface Plan<Action extends PlannedAction> {
  /** In the order in which they are done. Empty: the world is as the object wants it. */
  readonly actions: readonly Action[];
  /**
   * `ready`: all is as wanted. `progressing`: under way, and will be looked at again.
   * `stalled`: no repetition helps, somebody has to change something.
   * Becomes the conditions Ready, Reconciling and Stalled.
   */
  readonly phase: 'ready' | 'progressing' | 'stalled';
  readonly reason: string;
  readonly message: string;
  /** Conditions of the kind's own, every one of them each time. */
  readonly conditions?: readonly Condition[];
  /** Fields of the status that are written as soon as they differ. */
  readonly status?: Readonly<Record<string, unknown>>;
  /**
   * Numbers that move by themselves (messages, lag). They are written with everything else, and
   * alone at most once a minute and only when one of them moved by more than 5 %.
   */
  readonly figures?: Readonly<Record<string, unknown>>;
  /** When to look again although nothing has changed; besides the resync of every 5 minutes. */
  readonly requeueAfterMs?: number;
  /** Of a deleted object only: nothing is left to do, the finalizer may go. */
  readonly isReleased?: boolean;
}

/** What the loop gives a kind for one reconciliation. */
export interface Context {
  /** Every write is refused with `LostLeadership` once the lease may have run out. */
  readonly kube: KubeClient;
  /** What the reflectors know; only of resources that the kind names in `watches`, and its own. */
  readonly cache: Cache;
  /** Throws `LostLeadership` unless this process leads; call it before each write elsewhere. */
  readonly fence: () => void;
  readonly logger: Logger;
  /** Aborted when the process stops or loses the lease. */
  readonly signal: AbortSignal;
  /** Epoch in milliseconds. */
  readonly now: () => number;
  /** A Kubernetes Event on the object; repeated ones are counted, not repeated. */
  readonly event: (type: 'Normal' | 'Warning', reason: string, message: string) => void;
}

export interface Watch {
  readonly resource: Resource;
  /** Only objects with these labels are cached. */
  readonly labelSelector?: string;
  /** Keys of the kind's own objects that a change of this object concerns. */
  readonly keysOf: (object: KubeObject, cache: Cache) => readonly Key[];
}

/**
 * What one kind supplies to the control loop. The loop observes, plans and acts until a plan has
 * no actions (at most 4 rounds; then it comes back), and writes the status of the last plan. A
 * thrown error becomes the status as well, and is tried again with growing delay, for ever.
 */
export interface Kind<Facts, Action extends PlannedAction> {
  readonly resource: Resource;
  readonly watches: readonly Watch[];
  /** Whether the object's deletion must wait for `plan` to say `isReleased`. */
  readonly needsFinalizer: (object: KubeObject) => boolean;
  /** Reads everything that the plan depends on. Changes nothing. */
  readonly observe: (object: KubeObject, context: Context) => Promise<Facts>;
  /** Pure. A deleted object has `metadata.deletionTimestamp`. */
  readonly plan: (object: KubeObject, facts: Facts) => Plan<Action>;
  readonly act: (action: Action, object: KubeObject, context: Context) => Promise<void>;
}

/** A failure with a name: becomes the reason and the message of the object's conditions. */
export class ReconcileError extends Error {
  override readonly name = 'ReconcileError';
  readonly reason: string;
  /** No repetition helps until somebody changes something. */
  readonly isStalled: boolean;
  readonly retryAfterMs: number | undefined;

  constructor(
    reason: string,
    message: string,
    options: ErrorOptions & { readonly isStalled?: boolean; readonly retryAfterMs?: number } = {},
  ) {
    super(message, options);
    this.reason = reason;
    this.isStalled = options.isStalled ?? false;
    this.retryAfterMs = options.retryAfterMs;
  }
}
