import type { ServiceProcess } from '@windlass/local/processes.ts';

const placed = /(?=.*route="\/v1\/orders")(?=.*method="POST")(?=.*status="2xx")/;

/** What the order service counts, over all its replicas, at one moment. */
export interface Counted {
  /** Middle of the time that asking took. */
  readonly at: number;
  readonly accepted: number;
  readonly settled: number;
}

export async function countOrders(replicas: readonly ServiceProcess[]): Promise<Counted> {
  const started = performance.now();
  const pages = await Promise.all(replicas.map(({ opsUrl }) => metricsOf(opsUrl)));
  const all = pages.join('\n');
  return {
    at: (started + performance.now()) / 2,
    accepted: sumOf(all, 'windlass_http_request_seconds_count', placed),
    settled: sumOf(all, 'windlass_settled_seconds_count'),
  };
}

/** Events published by all services, by type. */
export async function countPublished(
  processes: readonly ServiceProcess[],
): Promise<ReadonlyMap<string, number>> {
  const pages = await Promise.all(processes.map(({ opsUrl }) => metricsOf(opsUrl)));
  const found = new Map<string, number>();
  for (const { labels, value } of samplesOf(pages.join('\n'), 'windlass_events_published_total')) {
    const type = /type="([^"]*)"/.exec(labels)?.[1] ?? '';
    found.set(type, (found.get(type) ?? 0) + value);
  }
  return found;
}

/** The sum of a metric over all its series whose labels match. */
export function sumOf(text: string, name: string, labels: RegExp = /(?:)/): number {
  let sum = 0;
  for (const sample of samplesOf(text, name)) if (labels.test(sample.labels)) sum += sample.value;
  return sum;
}

function* samplesOf(text: string, name: string): Generator<{ labels: string; value: number }> {
  for (const line of text.split('\n')) {
    if (!line.startsWith(name)) continue;
    const [, labels = '', value] = /^[a-z_]+(\{.*\})? (\S+)/.exec(line) ?? [];
    if (/[ {]/.test(line[name.length] ?? '')) yield { labels, value: Number(value) };
  }
}

async function metricsOf(opsUrl: string): Promise<string> {
  const answer = await fetch(`${opsUrl}/metrics`);
  if (!answer.ok) throw new Error(`${opsUrl}/metrics: ${answer.status}`);
  return await answer.text();
}
