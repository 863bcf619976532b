/** Grafana replaces it by a range that always holds enough scrapes. */
const range = '$__rate_interval';

/** `{a="1",b="2"}`, or nothing when there is nothing to match. */
const braces = (matchers: string): string => (matchers === '' ? '' : `{${matchers}}`);

/** `sum by (a) (…)`, or `sum(…)` for one number. */
export function total(inner: string, by: readonly string[] = []): string {
  return by.length === 0 ? `sum(${inner})` : `sum by (${by.join(', ')}) (${inner})`;
}

/** Of what every replica reports for all of them: the same number once. */
export function highest(metric: string, by: readonly string[] = [], matchers = ''): string {
  const inner = `${metric}${braces(matchers)}`;
  return by.length === 0 ? `max(${inner})` : `max by (${by.join(', ')}) (${inner})`;
}

export function rate(metric: string, matchers = '', over: string = range): string {
  return `rate(${metric}${braces(matchers)}[${over}])`;
}

/** How often a second, over all replicas. */
export function perSecond(metric: string, by: readonly string[] = [], matchers = ''): string {
  return total(rate(metric, matchers), by);
}

/** A counter without a series counted nothing: 0, once, in place of no answer. */
export function orZero(expression: string): string {
  return `${expression} or on() vector(0)`;
}

/** No value, in place of a number of distributions in which nothing was observed. */
export function quantile(
  share: number,
  histogram: string,
  by: readonly string[] = [],
  matchers = '',
): string {
  const buckets = total(rate(`${histogram}_bucket`, matchers), ['le', ...by]);
  return `histogram_quantile(${share}, ${buckets})`;
}

/** The mean of what a histogram observed; no value when there was nothing. */
export function mean(histogram: string, by: readonly string[] = [], matchers = ''): string {
  const count = perSecond(`${histogram}_count`, by, matchers);
  return `${perSecond(`${histogram}_sum`, by, matchers)} / (${count} > 0)`;
}

/**
 * Matches the bucket of a histogram that ends at this value: the client writes `1`, a newer
 * Prometheus stores `1.0`.
 */
export function bucketAt(seconds: number): string {
  return `le=~"${seconds}${Number.isInteger(seconds) ? '([.]0)?' : ''}"`;
}
