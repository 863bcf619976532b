import type { Bench } from '../bench-context.ts';
import { measureHttp } from '../http-baseline.ts';
import { countPublished } from '../metrics.ts';
import { type OrderRun, runOrders } from '../order-run.ts';
import { keepOpen } from '../saturation.ts';
import type { Stack } from '../stack.ts';

const connections = 128;
/** Orders under way at a time; the most that is finished with any of them is the peak. */
const openOrders = [500, 1_000, 2_000];
/** No latency is judged here, so the generator may look at its connections this rarely. */
const napMs = 4;

export interface Peak {
  readonly settledPerSecond: number;
  readonly open: number;
}

/** As many orders as can be finished a second, sustained. */
export async function measurePeak(bench: Bench, stack: Stack): Promise<Peak> {
  const { warmMs, runMs } = bench.durations;
  await saturate(bench, stack, 'warming up', 1_000, warmMs, runMs / 4);
  const before = await measureHttp(bench);
  let best: Peak = { settledPerSecond: 0, open: openOrders[0] ?? 0 };
  for (const open of openOrders) {
    const run = await saturate(bench, stack, `${open} orders open`, open, 2_000, runMs / 3);
    if (run.settledPerSecond > best.settledPerSecond) {
      best = { settledPerSecond: run.settledPerSecond, open };
    }
  }
  const events: ReadonlyMap<string, number>[] = [];
  const run = await saturate(bench, stack, 'peak', best.open, warmMs, runMs, async () => {
    stack.toggleProfiles();
    events.push(await countPublished(publishing(stack)));
  });
  const after = await measureHttp(bench);
  const http = (before + after) / 2;
  bench.results.ratios.terminalOverHttp = run.settledPerSecond / http;
  bench.results.figures.terminal = {
    settledPerSecond: run.settledPerSecond,
    httpPerSecond: http,
    openOrders: best.open,
    cpuMicrosPerOrder: run.cpuPerOrder,
    eventsPerOrder: eventsPerOrder(events, run),
    machineBusy: run.usage.busy,
    otherLoad: run.usage.others,
    residentMiB: run.residentMiB,
  };
  bench.say(`peak ${Math.round(run.settledPerSecond)}/s ÷ HTTP ${Math.round(http)}/s`);
  return { settledPerSecond: run.settledPerSecond, open: best.open };
}

/** The same peak when every order has one SKU in common. */
export async function measureHot(bench: Bench, stack: Stack, peak: Peak): Promise<void> {
  const { runMs } = bench.durations;
  const run = await saturate(bench, stack, 'hot SKU', peak.open, 3_000, runMs, undefined, true);
  bench.results.figures.hotSku = {
    settledPerSecond: run.settledPerSecond,
    overPeak: run.settledPerSecond / peak.settledPerSecond,
    cpuMicrosPerOrder: run.cpuPerOrder,
  };
}

async function saturate(
  bench: Bench,
  stack: Stack,
  name: string,
  open: number,
  warmMs: number,
  runMs: number,
  onPhase: () => Promise<void> = async () => undefined,
  hot = false,
): Promise<OrderRun> {
  const load = {
    port: stack.orderPort(),
    mode: 'paced' as const,
    connections,
    rate: open,
    napMs,
    warmMs,
    runMs,
    hot,
  };
  const keeping = keepOpen(bench, stack, open);
  try {
    const run = await runOrders(bench, stack, name, { load, onPhase });
    bench.say(`${name}: ${Math.round(run.settledPerSecond)} settled/s`);
    return run;
  } finally {
    await keeping.stop();
  }
}

function publishing(stack: Stack) {
  return stack.platform.processes.filter(({ service }) => service !== 'provider');
}

function eventsPerOrder(
  [begin, end]: readonly ReadonlyMap<string, number>[],
  { settledPerSecond, usage }: OrderRun,
): Record<string, number> {
  const orders = settledPerSecond * usage.seconds;
  const counts = [...(end ?? [])].map(([type, count]) => {
    return [type, (count - (begin?.get(type) ?? 0)) / orders] as const;
  });
  return Object.fromEntries(counts);
}
