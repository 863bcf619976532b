/** Buckets in each doubling: a value is known to within 0.2 %. */
const subBits = 9;
const subCount = 1 << subBits;
/** 35 minutes in microseconds; longer ones count as this long. */
const longestMicros = 2 ** 31 - 1;
const bucketCount = (32 - subBits + 1) * subCount;

/** Bucket and count of each bucket that is not empty: what passes between two processes. */
export type Buckets = readonly (readonly [bucket: number, count: number])[];

/** Durations in microseconds, each in a bucket: recording costs nothing and nothing is dropped. */
export class Histogram {
  private readonly counts = new Float64Array(bucketCount);
  private total = 0;

  static of(buckets: Buckets): Histogram {
    const made = new Histogram();
    for (const [bucket, count] of buckets) {
      made.counts[bucket] = (made.counts[bucket] ?? 0) + count;
      made.total += count;
    }
    return made;
  }

  get count(): number {
    return this.total;
  }

  record(micros: number): void {
    const bucket = bucketOf(Math.min(longestMicros, Math.max(0, Math.round(micros))));
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
    this.total += 1;
  }

  /** The value that `share` (0 to 1) of all are at most; NaN when there are none. */
  percentile(share: number): number {
    if (this.total === 0) return Number.NaN;
    const wanted = Math.max(1, Math.ceil(share * this.total));
    let seen = 0;
    for (let bucket = 0; bucket < bucketCount; bucket++) {
      seen += this.counts[bucket] ?? 0;
      if (seen >= wanted) return middleOf(bucket);
    }
    return longestMicros;
  }

  buckets(): Buckets {
    const found: [number, number][] = [];
    this.counts.forEach((count, bucket) => {
      if (count > 0) found.push([bucket, count]);
    });
    return found;
  }

  reset(): void {
    this.counts.fill(0);
    this.total = 0;
  }
}

/** Whole numbers have their own bucket up to 1 023, then two share one, then four, and so on. */
function bucketOf(micros: number): number {
  const doublings = Math.max(0, 31 - Math.clz32(micros) - subBits);
  return doublings * subCount + (micros >>> doublings);
}

function middleOf(bucket: number): number {
  const doublings = Math.max(0, (bucket >> subBits) - 1);
  const low = (bucket - doublings * subCount) * 2 ** doublings;
  return low + (2 ** doublings - 1) / 2;
}

/** The same of plain values, in any order and unit. */
export function percentileOf(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const index = Math.max(0, Math.ceil(share * sorted.length) - 1);
  return sorted[index] ?? Number.NaN;
}

export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] ?? Number.NaN;
  return Number.isInteger(middle) ? (upper + (sorted[middle - 1] ?? Number.NaN)) / 2 : upper;
}
