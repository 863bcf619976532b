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
  settle(
    effect: ClaimedEffect<Payload>,
    result: Result,
    world: World,
    now: number,
  ): { readonly decision: Decision<Change>; readonly fate: EffectFate };
  /** Whether the breaker counts this result as a failure of the outside. */
  isFailure(result: Result): boolean;
}

/** What becomes of one call: whether the outside failed, and what its result decides. */
export interface EffectOutcome<World, Change> {
  readonly failed: boolean;
  readonly settle: (
    world: World,
    now: number,
  ) => { readonly decision: Decision<Change>; readonly fate: EffectFate };
}

/** A handler whose payload and result are its own matter. */
export interface EffectRoutine<World, Change> {
  /** Rejects when nothing was sent. */
  carryOut(effect: ClaimedEffect, signal: AbortSignal): Promise<EffectOutcome<World, Change>>;
}

/** Closes the types of payload and result inside. */
export function defineEffect<World, Change, Payload, Result>(
  handler: EffectHandler<World, Change, Payload, Result>,
): EffectRoutine<World, Change> {
  return {
    async carryOut(effect, signal) {
      // The payload is what this service's own decisions put under this kind, as JSON.
      const own = effect as ClaimedEffect<unknown> as ClaimedEffect<Payload>;
      const result = await handler.perform(own, signal);
      return {
        failed: handler.isFailure(result),
        settle: (world, now) => handler.settle(own, result, world, now),
      };
    },
  };
}
