import type { Audited } from './audit.ts';
import type { Bench } from './bench-context.ts';
import { type Counted, countOrders } from './metrics.ts';
import { acceptedOf, type LoadedRun, type LoadOptions, runLoad, unknownOf } from './run.ts';
import type { Stack } from './stack.ts';

const quietWithinMs = 90_000;

export interface OrderRun extends LoadedRun {
  readonly audited: Audited;
  /** From the last answer until nothing was under way any more. */
  readonly drainedMs: number;
  /** Orders that were settled a second while measuring; NaN without telemetry. */
  readonly settledPerSecond: number;
  /** CPU time of each group for one settled order, in microseconds. */
  readonly cpuPerOrder: Readonly<Record<string, number>>;
}

export interface OrderRunOptions {
  readonly load: LoadOptions;
  /** Time in which everything must be done after the last answer. */
  readonly quietWithinMs?: number;
  /** Whether the order service counts what is settled: not without telemetry. */
  readonly counted?: boolean;
  readonly onPhase?: (phase: 'begin' | 'end') => Promise<void>;
  /** Further figures for the report. */
  readonly figures?: (run: OrderRun) => Readonly<Record<string, unknown>>;
}

/**
 * One run against the platform: load, until nothing is under way, then the invariants. A run
 * whose generator was too expensive is repeated once and marked when it is so again.
 */
export async function runOrders(
  bench: Bench,
  stack: Stack,
  name: string,
  options: OrderRunOptions,
): Promise<OrderRun> {
  const first = await attempt(bench, stack, name, options);
  if (first.valid) return first;
  const second = await attempt(bench, stack, `${name}, repeated`, options);
  if (!second.valid) bench.results.invalid.push(name);
  return second;
}

async function attempt(
  bench: Bench,
  stack: Stack,
  name: string,
  options: OrderRunOptions,
): Promise<OrderRun> {
  const { counted = true } = options;
  const counts: Counted[] = [];
  const loaded = await runLoad(bench, name, stack.groups(), options.load, async (phase) => {
    if (counted) counts.push(await countOrders(stack.platform.replicas('order')));
    await options.onPhase?.(phase);
  });
  const drainedMs = await stack.audit.quiet(options.quietWithinMs ?? quietWithinMs);
  const { broken, ...audited } = await stack.audit.check(acceptedOf(loaded), unknownOf(loaded));
  for (const sentence of broken) {
    bench.say(`BROKEN after ${name}: ${sentence}`);
    bench.results.broken.push(`${name}: ${sentence}`);
  }
  const settledPerSecond = rateBetween(counts);
  const orders = counted ? settledPerSecond * loaded.usage.seconds : loaded.load.accepted;
  const cpuPerOrder = perOrder(loaded, orders);
  const run = { ...loaded, audited, drainedMs, settledPerSecond, cpuPerOrder };
  bench.results.runs.push({ name, ...recordOf(run), ...options.figures?.(run) });
  return run;
}

function rateBetween([begin, end]: readonly Counted[]): number {
  if (begin === undefined || end === undefined) return Number.NaN;
  return (end.settled - begin.settled) / ((end.at - begin.at) / 1_000);
}

function perOrder(run: LoadedRun, orders: number): Record<string, number> {
  const entries = [...run.usage.byGroup].map(([name, micros]) => [name, micros / orders] as const);
  return Object.fromEntries(entries);
}

function recordOf(run: OrderRun): Record<string, unknown> {
  const { load, latency, usage } = run;
  return {
    acceptedPerSecond: load.accepted / load.seconds,
    settledPerSecond: run.settledPerSecond,
    answers: load.statuses,
    unsent: load.unsent,
    acceptP50Ms: latency.percentile(0.5) / 1_000,
    acceptP99Ms: latency.percentile(0.99) / 1_000,
    drainedMs: run.drainedMs,
    orders: run.audited.statuses,
    cpuMicrosPerOrder: run.cpuPerOrder,
    residentMiB: run.residentMiB,
    machineBusy: usage.busy,
    otherLoad: usage.others,
    generatorMicros: run.generatorMicros,
    valid: run.valid,
  };
}
