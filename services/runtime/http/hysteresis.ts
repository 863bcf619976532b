/**
 * Smooths a connection's state for readiness: an outage counts only when it has lasted for
 * `holdMs`, the return at once. A reconnect of a second then moves no traffic around.
 */
export class Hysteresis {
  private readonly holdMs: number;
  private readonly now: () => number;
  private downSince: number | undefined;

  /** Starts as down, without the benefit of the doubt: nothing was reached yet. */
  constructor(holdMs = 10_000, now: () => number = Date.now) {
    this.holdMs = holdMs;
    this.now = now;
    this.downSince = Number.NEGATIVE_INFINITY;
  }

  /** Tells the present state; repeating it is harmless. */
  set(up: boolean): void {
    if (up) this.downSince = undefined;
    else this.downSince ??= this.now();
  }

  get steady(): boolean {
    return this.downSince === undefined || this.now() - this.downSince < this.holdMs;
  }
}
