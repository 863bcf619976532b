/** `le` in seconds and how many were at most that long, ascending. */
type Bucket = readonly [seconds: number, count: number];

const line = /^windlass_operator_reconcile_seconds_bucket\{(.*)\} (\d+)$/;

/**
 * The quantile of the operator's reconciliations over all kinds, in seconds: the upper bound of
 * the bucket that it lies in, interpolated as Prometheus does.
 */
export async function reconcileQuantile(opsUrl: string, share: number): Promise<number> {
  const answer = await fetch(`${opsUrl}/metrics`);
  return quantileOf(bucketsOf(await answer.text()), share);
}

/** Buckets of all kinds and results added up. */
export function bucketsOf(exposition: string): readonly Bucket[] {
  const counts = new Map<number, number>();
  for (const text of exposition.split('\n')) {
    const [, labels = '', count = '0'] = line.exec(text) ?? [];
    const bound = /le="([^"]+)"/.exec(labels)?.[1];
    if (bound === undefined) continue;
    const seconds = bound === '+Inf' ? Number.POSITIVE_INFINITY : Number(bound);
    counts.set(seconds, (counts.get(seconds) ?? 0) + Number(count));
  }
  return [...counts].sort(([left], [right]) => left - right);
}

export function quantileOf(buckets: readonly Bucket[], share: number): number {
  const wanted = (buckets.at(-1)?.[1] ?? 0) * share;
  let [below, counted] = [0, 0];
  for (const [bound, count] of buckets) {
    if (count >= wanted && count > 0) {
      if (!Number.isFinite(bound)) return below;
      return below + (bound - below) * ((wanted - counted) / Math.max(1, count - counted));
    }
    [below, counted] = [bound, count];
  }
  return Number.NaN;
}
