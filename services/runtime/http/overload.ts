import { performance } from 'node:perf_hooks';
import { Failure } from '../failure/errors.ts';

/** What waits, read at each admission: an object with live properties. */
export interface Backlog {
  /** Commands that wait for the next batch. */
  readonly queue: number;
  /** Committed events that are not published. */
  readonly outboxRows: number;
  /** Age of the oldest of them, in ms. */
  readonly outboxAgeMs: number;
}

export interface OverloadOptions {
  readonly backlog: Backlog;
  /** Above any of these everything is refused. */
  readonly bounds: {
    readonly queue: number;
    readonly outboxRows: number;
    readonly outboxAgeMs: number;
  };
  /** End-to-end latency that is too long when the CPU is busy. @default 2 000 */
  readonly targetMs?: number;
  /** Milliseconds. */
  readonly now?: () => number;
}

export const sliceMs = 100;
/** The CPU counts as busy when the event loop was, on average over half a second. */
const busyUtilization = 0.75;
const utilizationSlices = 5;
/** Settled orders are counted over this many slices: one second. */
const rateSlices = 10;
/** So many make a judgement, or, without a settled order, an outage. */
const enoughSlices = 5;
/** Of the newest slice in the smoothed latency: most of it is from the last half second. */
const latencyWeight = 0.3;
/** Rates of this many slices are remembered, ten seconds; their upper quartile is the capacity. */
const rateMemory = 100;
/** A little less than the capacity, so that the backlog shrinks. */
const drainFactor = 0.92;
/** When orders take more than twice as long as they should. */
const fastDrainFactor = 0.7;
const growth = 1.1;
/** Growth while the CPU is busy: the limit is then near the truth, and overshooting is dear. */
const busyGrowth = 1.01;
/** The limit never falls below this, so that it can grow again. Per second. */
const floorPerSecond = 20;

/**
 * Decides whether a command is accepted. Accepting costs CPU that the accepted ones need to get
 * done: far beyond capacity, an open door means that less and less is finished. So while the
 * event loop is busy *and* orders take too long, no more are accepted than are finished.
 *
 * Both conditions are needed. Orders that wait for an outage downstream take long, but cost
 * nothing, and are accepted until the hard bounds are reached.
 */
export class OverloadGuard {
  private readonly backlog: Backlog;
  private readonly bounds: OverloadOptions['bounds'];
  private readonly targetMs: number;
  private readonly now: () => number;
  // The same objects each time: the server renders each refusal once.
  private readonly queueFull = refusal('Too many commands wait.', 1);
  private readonly outboxFull = refusal('Too many events wait to be published.', 10);
  private readonly outboxOld = refusal('Events have waited too long to be published.', 30);
  private readonly rateReached = refusal('Orders are accepted as fast as they are finished.', 1);

  private readonly utilizations: number[] = [];
  private readonly settledCounts: number[] = [];
  /** Orders settled per second, as seen at the end of each slice. */
  private readonly rates: number[] = [];
  private readonly durations: number[] = [];
  private emptySlices = 0;
  private settledNow = 0;
  private latencySum = 0;
  private latencyMs = 0;
  private latencyAt = Number.NEGATIVE_INFINITY;
  private sampledAt: number;
  /** Accepted commands per second; undefined: no limit. */
  private limit: number | undefined;
  private tokens = 0;
  private askedNow = 0;

  constructor(options: OverloadOptions) {
    this.backlog = options.backlog;
    this.bounds = options.bounds;
    this.targetMs = options.targetMs ?? 2_000;
    this.now = options.now ?? (() => performance.now());
    this.sampledAt = this.now();
  }

  /** Undefined when the command may come in; otherwise what to refuse it with. */
  admit(): Failure | undefined {
    const { backlog, bounds } = this;
    if (backlog.queue > bounds.queue) return this.queueFull;
    if (backlog.outboxRows > bounds.outboxRows) return this.outboxFull;
    if (backlog.outboxAgeMs > bounds.outboxAgeMs) return this.outboxOld;
    this.askedNow++;
    if (this.limit === undefined) return undefined;
    if (this.tokens < 1) return this.rateReached;
    this.tokens--;
    return undefined;
  }

  /** An order reached a settled state this long after it was accepted. */
  settled(latencyMs: number): void {
    this.settledNow++;
    this.latencySum += latencyMs;
  }

  /** Ends a slice. To be called each `sliceMs`; late calls are allowed for. 0 idle to 1 busy. */
  sample(utilization: number): void {
    const now = this.now();
    const elapsedMs = Math.max(1, now - this.sampledAt);
    this.sampledAt = now;
    push(this.utilizations, utilization, utilizationSlices);
    this.count(elapsedMs);
    const askedPerSecond = (this.askedNow * 1_000) / elapsedMs;
    if (this.settledNow > 0) {
      const mean = this.latencySum / this.settledNow;
      const stale = now - this.latencyAt > 1_000;
      this.latencyMs = stale ? mean : this.latencyMs + (mean - this.latencyMs) * latencyWeight;
      this.latencyAt = now;
    }
    this.settledNow = 0;
    this.latencySum = 0;
    this.askedNow = 0;
    this.adjust(now, askedPerSecond);
    // A slice may borrow what the one before did not use, but no more: bursts stay small.
    const share = ((this.limit ?? 0) * Math.min(elapsedMs, 1_000)) / 1_000;
    this.tokens = Math.min(this.tokens + share, 2 * share);
  }

  /** Commands per second that are accepted now; undefined: all. */
  get limitPerSecond(): number | undefined {
    return this.limit;
  }

  /** An outage's slices say nothing about what can be finished, so they are forgotten. */
  private count(elapsedMs: number): void {
    this.emptySlices = this.settledNow === 0 ? this.emptySlices + 1 : 0;
    if (this.emptySlices >= enoughSlices) {
      this.settledCounts.length = 0;
      this.durations.length = 0;
      this.rates.length = 0;
    } else {
      push(this.settledCounts, this.settledNow, rateSlices);
      push(this.durations, elapsedMs, rateSlices);
    }
  }

  private adjust(now: number, askedPerSecond: number): void {
    const busy = sum(this.utilizations) > busyUtilization * utilizationSlices;
    // Without settled orders there is nothing to learn: an outage, or no load.
    const latencyMs = now - this.latencyAt <= 1_000 ? this.latencyMs : 0;
    const counted = sum(this.durations);
    if (counted > 0) push(this.rates, (sum(this.settledCounts) * 1_000) / counted, rateMemory);
    const judgeable = this.settledCounts.length >= enoughSlices;
    if (busy && judgeable && latencyMs > this.targetMs) {
      // Not the present rate: what is accepted bounds that, so following it leads down and down.
      const factor = latencyMs > 2 * this.targetMs ? fastDrainFactor : drainFactor;
      this.limit = Math.max(floorPerSecond, upperQuartile(this.rates) * factor);
      return;
    }
    if (this.limit === undefined) return;
    if (!busy) this.limit *= growth;
    else if (latencyMs < this.targetMs / 2) this.limit *= busyGrowth;
    if (this.limit > 2 * Math.max(askedPerSecond, floorPerSecond)) this.limit = undefined;
  }
}

/** Samples the utilization of this process's event loop. Returns what ends it. */
export function watchUtilization(guard: OverloadGuard): () => void {
  let last = performance.eventLoopUtilization();
  const timer = setInterval(() => {
    const current = performance.eventLoopUtilization();
    guard.sample(performance.eventLoopUtilization(current, last).utilization);
    last = current;
  }, sliceMs);
  timer.unref();
  return () => clearInterval(timer);
}

function refusal(detail: string, retryAfterSeconds: number): Failure {
  return new Failure('overloaded', { detail, retryAfterSeconds });
}

function upperQuartile(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length * 0.75)] ?? 0;
}

function push(list: number[], value: number, max: number): void {
  list.push(value);
  if (list.length > max) list.shift();
}

function sum(list: readonly number[]): number {
  let total = 0;
  for (const value of list) total += value;
  return total;
}
