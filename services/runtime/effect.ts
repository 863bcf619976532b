import type { Decision } from './decision.ts';

/** An effect that this process holds the claim of. */
export interface ClaimedEffect<Payload = Readonly<Record<string, unknown>>> {
  readonly id: string;
  readonly kind: string;
  readonly aggregateId: string;
  readonly payload: Payload;
  /** Calls that were started before this one. Above 0 the earlier outcome must be looked up. */
  readonly attempts: number;
  /** When the effect was first due, in milliseconds since the epoch. */
  readonly createdAt: number;
}

/** What becomes of an effect after its result was applied. */
export type EffectFate = { readonly next: 'done' } | { readonly next: 'retry'; at: number };

/**
 * How one kind of effect is carried out. `perform` runs outside any transaction, at least once;
 * `settle` runs in a batch with others, exactly once for each result that is kept.
 */
export interface EffectHandler<World, Change, Payload, Result> {
  /**
   * Resolves with every outcome that the domain knows, the unknown one included. Throwing
   * means that nothing was sent: the effect is tried again with backoff.
   */
  perform(effect: ClaimedEffect<Payload>, signal: AbortSignal): Promise<Result>;
  readonly settle: (
    effect: ClaimedEffect<Payload>,
    result: Result,
    world: World,
    now: number,
  ) => { readonly decision: Decision<Change>; readonly fate: EffectFate };
  /** Whether the breaker counts this result as a failure of the outside. */
  readonly isFailure: (result: Result) => boolean;
}
