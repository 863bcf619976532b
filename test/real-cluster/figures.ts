import { z } from 'zod';

/** What `customer` prints of one order: it came to its end, or the reason why not. */
export const orderLine = z.union([
  z.object({
    startedAt: z.number(),
    attempts: z.number(),
    acceptedMs: z.number(),
    settledMs: z.number(),
    status: z.string(),
  }),
  z.object({ startedAt: z.number(), failed: z.string() }),
]);
export type OrderLine = z.output<typeof orderLine>;
export type SettledOrder = Extract<OrderLine, { status: string }>;

export interface Figures {
  readonly placed: number;
  readonly confirmed: number;
  /** Accepted, and another end than CONFIRMED. */
  readonly otherwise: Readonly<Record<string, number>>;
  /** Not accepted after all attempts, or lost. */
  readonly failed: readonly string[];
  /** Attempts beyond the first. */
  readonly retries: number;
  /** From the first attempt to the answer that says that the order is settled. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** From the first attempt to the acceptance. */
  readonly acceptedP99Ms: number;
}

/** What can be said of some orders. */
export function figuresOf(lines: readonly OrderLine[]): Figures {
  const settled = lines.filter((line): line is SettledOrder => 'status' in line);
  const otherwise: Record<string, number> = {};
  for (const { status } of settled) {
    if (status !== 'CONFIRMED') otherwise[status] = (otherwise[status] ?? 0) + 1;
  }
  const tookMs = settled.map(({ acceptedMs, settledMs }) => acceptedMs + settledMs);
  return {
    placed: lines.length,
    confirmed: settled.filter(({ status }) => status === 'CONFIRMED').length,
    otherwise,
    failed: lines.flatMap((line) => ('failed' in line ? [line.failed] : [])),
    retries: settled.reduce((sum, { attempts }) => sum + attempts - 1, 0),
    p50Ms: quantileOf(tookMs, 0.5),
    p99Ms: quantileOf(tookMs, 0.99),
    acceptedP99Ms: quantileOf(
      settled.map(({ acceptedMs }) => acceptedMs),
      0.99,
    ),
  };
}

/** The best, the median and the worst of some times in milliseconds. */
export function spreadOf(values: readonly number[]): string {
  if (values.length === 0) return 'not known';
  const [best, median, worst] = [0, 0.5, 1].map((quantile) => quantileOf(values, quantile));
  return `${best}, ${median}, ${worst} ms`;
}

/** By nearest rank; 0 of nothing. */
export function quantileOf(values: readonly number[], quantile: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * quantile) - 1)] ?? 0;
}

/** One line for the transcript. */
export function sentenceOf(figures: Figures): string {
  const { placed, confirmed, otherwise, failed, retries, p50Ms, p99Ms, acceptedP99Ms } = figures;
  const others = Object.entries(otherwise).map(([status, times]) => `, ${times} ${status}`);
  const ms = (value: number) => `${Math.round(value)} ms`;
  return (
    `${placed} orders, ${confirmed} CONFIRMED${others.join('')}, ${failed.length} failed, ` +
    `${retries} retries, p50 ${ms(p50Ms)}, p99 ${ms(p99Ms)}, accepted p99 ${ms(acceptedP99Ms)}`
  );
}
