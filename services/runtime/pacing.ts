/** Batches of this size and more are followed by the whole gap; smaller ones by their share. */
const wholeGapSize = 16;
const gapMaxMs = 50;

/**
 * Lets batches grow when there is much to do. After a batch, the next one waits for about as
 * long as the batch took: under load that halves the number of batches, and so the cost that
 * each has whatever its size. A single event is followed by next to no gap, and after a pause
 * there is none: nothing waits when idle.
 */
export class Pacer {
  private readyAt = 0;

  /** Notes a batch that ran between two times, in milliseconds of one clock. */
  ended(startedAt: number, endedAt: number, size: number): void {
    const share = Math.min(1, (size - 1) / wholeGapSize);
    this.readyAt = endedAt + Math.min(gapMaxMs, (endedAt - startedAt) * share);
  }

  /** How long the next batch should still wait; 0 when not at all. */
  waitMs(now: number): number {
    return Math.max(0, this.readyAt - now);
  }
}
