/** Closed: calls pass. Open: none does. Half-open: a few probes decide which of the two is next. */
export type BreakerState = 'closed' | 'open' | 'half-open';

/** Given for one call and handed back with its outcome; its content is the breaker's own. */
export type BreakerPermit = number;

/** `unused`: the call was not made after all; it counts as nothing and frees a probe's place. */
export type CallOutcome = 'ok' | 'failed' | 'unused';

export interface BreakerOptions {
  /** A call that took at least this long is slow, whatever its outcome. */
  readonly slowMs: number;
  /** @default 10 000 */
  readonly windowMs?: number;
  /** Fewer calls than this in the window never trip. @default 20 */
  readonly minimumCalls?: number;
  /** @default 0.5 */
  readonly failureRatio?: number;
  /** @default 0.8 */
  readonly slowRatio?: number;
  /** How long it stays open after a trip; each failed probing doubles it. @default 30 000 */
  readonly openMs?: number;
  /** @default 300 000 */
  readonly openMaxMs?: number;
  /** @default 3 */
  readonly probes?: number;
  /** Probes without an outcome for this long are given up and let through anew. @default 60 000 */
  readonly probeMs?: number;
  /** Milliseconds; need not be wall time. */
  readonly now?: () => number;
  /** From 0 to 1, for the jitter. */
  readonly random?: () => number;
  /** Called after each change. Must not throw. */
  readonly onChange?: (state: BreakerState, previous: BreakerState) => void;
}

const bucketCount = 10;
/** The wait is shortened by up to this share, so that replicas do not probe all at once. */
const jitter = 0.2;

interface Bucket {
  /** Number of the time slot that the counts belong to. */
  slot: number;
  calls: number;
  failed: number;
  slow: number;
}

/**
 * Stops calling a dependency that fails or has become slow, and finds out by a few probes when
 * it is back. Memory and time per call are constant. Outcomes of calls that began before the
 * present state are ignored: they say nothing about it.
 */
export class Breaker {
  private readonly options: Required<Omit<BreakerOptions, 'onChange'>>;
  private readonly onChange: BreakerOptions['onChange'];
  private readonly buckets: Bucket[];
  private current: BreakerState = 'closed';
  /** Grows with every change of state; a permit carries the one it was given in. */
  private generation = 0;
  private tripsInARow = 0;
  private openUntil = 0;
  private probing = { since: 0, given: 0, ok: 0, slow: 0 };

  constructor({ onChange, ...given }: BreakerOptions) {
    this.onChange = onChange;
    this.options = {
      windowMs: 10_000,
      minimumCalls: 20,
      failureRatio: 0.5,
      slowRatio: 0.8,
      openMs: 30_000,
      openMaxMs: 300_000,
      probes: 3,
      probeMs: 60_000,
      now: Date.now,
      random: Math.random,
      ...given,
    };
    this.buckets = Array.from({ length: bucketCount }, emptyBucket);
  }

  get state(): BreakerState {
    return this.current;
  }

  /** When the next call may pass, in ms of the clock; while closed this is in the past. */
  get nextAttemptAt(): number {
    if (this.current === 'open') return this.openUntil;
    const full = this.current === 'half-open' && this.probing.given >= this.options.probes;
    return full ? this.probing.since + this.options.probeMs : 0;
  }

  /** A permit for one call, or undefined when it must not be made. Each permit is recorded once. */
  tryAcquire(): BreakerPermit | undefined {
    const now = this.options.now();
    if (this.current === 'open') {
      if (now < this.openUntil) return undefined;
      this.startProbing(now);
    }
    if (this.current === 'half-open') {
      if (this.probing.given >= this.options.probes) {
        if (now < this.probing.since + this.options.probeMs) return undefined;
        this.startProbing(now);
      }
      this.probing.given++;
    }
    return this.generation;
  }

  record(permit: BreakerPermit, outcome: CallOutcome, durationMs: number): void {
    if (permit !== this.generation) return;
    const slow = durationMs >= this.options.slowMs;
    if (this.current === 'closed') this.count(outcome, slow);
    else if (this.current === 'half-open') this.judgeProbe(outcome, slow);
  }

  private count(outcome: CallOutcome, slow: boolean): void {
    if (outcome === 'unused') return;
    const now = this.options.now();
    const slot = this.slotOf(now);
    const bucket = this.buckets[slot % bucketCount] ?? emptyBucket();
    if (bucket.slot !== slot) Object.assign(bucket, emptyBucket(), { slot });
    bucket.calls++;
    if (outcome === 'failed') bucket.failed++;
    if (slow) bucket.slow++;
    if ((outcome === 'failed' || slow) && this.isBad(slot)) this.trip(now);
  }

  private isBad(slot: number): boolean {
    let calls = 0;
    let failed = 0;
    let slow = 0;
    for (const bucket of this.buckets) {
      if (bucket.slot <= slot - bucketCount) continue;
      calls += bucket.calls;
      failed += bucket.failed;
      slow += bucket.slow;
    }
    const { minimumCalls, failureRatio, slowRatio } = this.options;
    return calls >= minimumCalls && (failed >= calls * failureRatio || slow >= calls * slowRatio);
  }

  private judgeProbe(outcome: CallOutcome, slow: boolean): void {
    if (outcome === 'unused') {
      this.probing.given--;
      return;
    }
    if (outcome === 'failed') {
      this.trip(this.options.now());
      return;
    }
    this.probing.ok++;
    if (slow) this.probing.slow++;
    if (this.probing.ok < this.options.probes) return;
    if (this.probing.slow >= this.options.probes * this.options.slowRatio) {
      this.trip(this.options.now());
    } else {
      this.close();
    }
  }

  private trip(now: number): void {
    const { openMs, openMaxMs, random } = this.options;
    const longest = Math.min(openMaxMs, openMs * 2 ** this.tripsInARow);
    // Bounded, so that the power never overflows however long the outage is.
    this.tripsInARow = Math.min(this.tripsInARow + 1, 30);
    this.openUntil = now + longest * (1 - jitter * random());
    this.become('open');
  }

  private startProbing(now: number): void {
    this.probing = { since: now, given: 0, ok: 0, slow: 0 };
    this.become('half-open');
  }

  private close(): void {
    this.tripsInARow = 0;
    for (const bucket of this.buckets) Object.assign(bucket, emptyBucket());
    this.become('closed');
  }

  private become(state: BreakerState): void {
    const previous = this.current;
    this.generation++;
    this.current = state;
    if (state !== previous) this.onChange?.(state, previous);
  }

  private slotOf(now: number): number {
    return Math.floor(now / (this.options.windowMs / bucketCount));
  }
}

function emptyBucket(): Bucket {
  return { slot: Number.NEGATIVE_INFINITY, calls: 0, failed: 0, slow: 0 };
}
