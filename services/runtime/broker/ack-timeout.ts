const leastMs = 500;
const mostMs = 5_000;

/**
 * How long to wait for an acknowledgement before the message is sent again, in milliseconds: as
 * long as one took of late, and four times the usual difference, after RFC 6298. A stream whose
 * leader changes never answers what it was asked before, and a fixed time that no slow disk
 * exceeds would hold up the partition of that message for seconds. Each time that passes in vain
 * doubles it, so that a server that is merely slow is not asked more and more.
 */
export class AckTimeout {
  private smoothed: number | undefined;
  private variation = 0;
  private doublings = 0;

  get ms(): number {
    if (this.smoothed === undefined) return mostMs;
    const usual = Math.max(leastMs, this.smoothed + 4 * this.variation);
    return Math.min(mostMs, usual * 2 ** this.doublings);
  }

  /** An acknowledgement has come after so long. */
  answered(tookMs: number): void {
    this.doublings = 0;
    if (this.smoothed === undefined) {
      this.smoothed = tookMs;
      this.variation = tookMs / 2;
      return;
    }
    this.variation += (Math.abs(tookMs - this.smoothed) - this.variation) / 4;
    this.smoothed += (tookMs - this.smoothed) / 8;
  }

  /** Some have not come in time; called once however many. */
  passed(): void {
    this.doublings = Math.min(this.doublings + 1, 4);
  }
}
