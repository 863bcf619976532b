import { step } from '../broker/steps.ts';
import type { ClaimedEffect, EffectOutcome, EffectRoutine } from '../effect.ts';
import type { Breaker, BreakerPermit } from '../failure/breaker.ts';
import { isUnavailable } from '../failure/database-errors.ts';
import { DeadlineSignals } from '../failure/deadline-signals.ts';
import { fullJitter, pause } from '../failure/retry.ts';
import type { Logger } from '../telemetry/log.ts';
import { BatchWriter } from './batch-writer.ts';
import { claimDue, claimLeaseMs, countDue, type DueEffect, releaseClaims } from './effects.ts';
import type { Database } from './pool.ts';
import type { UnitOfWork, Verdict, Work } from './unit-of-work.ts';

/** Calls under way at the same time. */
const bulkhead = 64;
/** Claimed effects that wait for a place. The claim must outlast the wait and the call. */
const waitingMax = 256;
const sweepMs = 1_000;
/** So many due effects mean that no more should be taken in. */
export const dueMax = 2_000;
const retryBaseMs = 1_000;
const retryMaxMs = 60_000;

export interface EffectRunnerOptions<World, Change> {
  readonly database: Database;
  readonly unitOfWork: UnitOfWork<World, Change>;
  readonly handlers: Readonly<Record<string, EffectRoutine<World, Change>>>;
  /** Stops the calls, and so the claiming, while the outside fails. */
  readonly breaker: Breaker;
  readonly callTimeoutMs: number;
  readonly logger: Pick<Logger, 'warn' | 'error'>;
  readonly onCall: (effect: ClaimedEffect, outcome: string, milliseconds: number) => void;
  /** Called with the number of due effects, about once a second while there is a backlog. */
  readonly onDue: (due: number) => void;
  readonly sweepMs?: number;
}

/**
 * Carries out effects: claims due ones, calls the outside without a transaction, and settles
 * the results in batches, fenced by the claim. A call that was under way when its process died
 * is claimed again after the lease with `attempts` above 0: its outcome is looked up first.
 */
export class EffectRunner<World, Change> {
  private readonly options: EffectRunnerOptions<World, Change>;
  private readonly signals: DeadlineSignals;
  private readonly settling: BatchWriter<Work<World, Change>, Verdict>;
  private waiting: { effect: DueEffect; validUntil: number }[] = [];
  private readonly calls = new Set<Promise<void>>();
  private backlog = false;
  private claiming: Promise<void> | undefined;
  private readonly stopping = new AbortController();
  private sweeping: Promise<void> | undefined;

  constructor(options: EffectRunnerOptions<World, Change>) {
    this.options = options;
    this.signals = new DeadlineSignals(options.callTimeoutMs);
    this.settling = new BatchWriter({
      write: options.unitOfWork.run,
      maxBatch: 256,
      concurrency: 1,
    });
  }

  start(): void {
    this.sweeping = this.sweepForEver();
  }

  /** How many more effects could be claimed now. */
  capacity(): number {
    if (this.stopping.signal.aborted || this.refuses()) return 0;
    return bulkhead + waitingMax - this.calls.size - this.waiting.length;
  }

  /** Takes effects that this process has just claimed. */
  offer(claimed: readonly DueEffect[], unclaimed: number): void {
    const validUntil = performance.now() + claimLeaseMs - this.options.callTimeoutMs;
    for (const effect of claimed) this.waiting.push({ effect, validUntil });
    if (unclaimed > 0) this.backlog = true;
    this.run();
  }

  /** Lets the calls under way end and settles them; gives back what was not begun. */
  async drain(): Promise<void> {
    this.stopping.abort();
    await Promise.all(this.calls);
    await this.settling.drained();
    await this.sweeping;
    // What was being claimed has come in meanwhile.
    await this.claiming;
    const unbegun = this.waiting.splice(0);
    if (unbegun.length > 0) await this.giveBack(unbegun.map(({ effect }) => effect)).catch(ignore);
  }

  private refuses(): boolean {
    const { breaker } = this.options;
    return breaker.state !== 'closed' && breaker.nextAttemptAt > Date.now();
  }

  private run(): void {
    if (this.stopping.signal.aborted) return;
    while (this.calls.size < bulkhead) {
      const next = this.waiting.shift();
      if (next === undefined) break;
      // Too old to be sure of the claim: whoever claims it next looks it up.
      if (performance.now() > next.validUntil) continue;
      const permit = this.options.breaker.tryAcquire();
      if (permit === undefined) {
        const refused = [next, ...this.waiting.splice(0)].map(({ effect }) => effect);
        this.backlog = true;
        void this.giveBack(refused).catch(ignore);
        break;
      }
      const call = this.perform(next.effect, permit).finally(() => {
        this.calls.delete(call);
        this.run();
      });
      this.calls.add(call);
    }
    if (this.backlog && this.waiting.length < bulkhead) void this.claim();
  }

  private async perform(effect: DueEffect, permit: BreakerPermit): Promise<void> {
    const handler = this.options.handlers[effect.kind];
    const started = performance.now();
    if (handler === undefined) {
      this.options.breaker.record(permit, 'unused', 0);
      this.options.logger.error({ effect: effect.id, kind: effect.kind }, 'no handler for effect');
      return;
    }
    step('effect.performing');
    let outcome: EffectOutcome<World, Change>;
    try {
      outcome = await handler.carryOut(effect, this.signals.next());
    } catch (error) {
      const took = performance.now() - started;
      this.options.breaker.record(permit, 'failed', took);
      this.options.onCall(effect, 'not-sent', took);
      this.options.logger.warn({ err: error, effect: effect.id }, 'an effect could not be begun');
      await this.giveBack([effect], effect.attempts + 1).catch(ignore);
      return;
    }
    const took = performance.now() - started;
    const { failed, settle } = outcome;
    this.options.breaker.record(permit, failed ? 'failed' : 'ok', took);
    this.options.onCall(effect, failed ? 'failed' : 'done', took);
    step('effect.performed');
    await this.settle(effect, settle);
    step('effect.settled');
  }

  /** Tries as long as the claim holds; afterwards the result is looked up by whoever claims. */
  private async settle(effect: DueEffect, decide: Work<World, Change>['decide']): Promise<void> {
    const { aggregateId, cause, claim } = effect;
    const until = performance.now() + claimLeaseMs;
    for (let attempt = 0; performance.now() < until; attempt++) {
      try {
        await this.settling.submit({ aggregateId, cause, claim, decide });
        return;
      } catch (error) {
        this.options.logger.warn({ err: error, effect: effect.id }, 'a result was not settled');
        if (!isUnavailable(error)) return;
        await pause(fullJitter(attempt, 100, 5_000), new AbortController().signal);
      }
    }
  }

  private async giveBack(effects: readonly DueEffect[], failures = 0): Promise<void> {
    const base = failures === 0 ? 100 : retryBaseMs;
    const claims = effects.map(({ claim }) => ({
      ...claim,
      dueAt: Date.now() + base / 2 + fullJitter(failures, base, retryMaxMs),
    }));
    await releaseClaims(this.options.database, claims);
  }

  private async claim(): Promise<void> {
    const room = Math.min(this.capacity(), waitingMax);
    if (this.claiming !== undefined || room <= 0) return;
    this.claiming = this.claimUpTo(room).finally(() => {
      this.claiming = undefined;
    });
    await this.claiming;
  }

  private async claimUpTo(room: number): Promise<void> {
    try {
      const effects = await claimDue(this.options.database, room, Date.now());
      this.backlog = effects.length === room;
      this.offer(effects, 0);
    } catch (error) {
      this.options.logger.warn({ err: error }, 'due effects could not be claimed');
    }
  }

  private async sweepForEver(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      const due = await countDue(this.options.database).catch(() => 0);
      this.options.onDue(due);
      if (due > 0) await this.claim();
      await pause(this.options.sweepMs ?? sweepMs, signal);
    }
  }
}

function ignore(): void {}
