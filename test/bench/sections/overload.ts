import type { Bench } from '../bench-context.ts';
import { Histogram } from '../histogram.ts';
import { runOrders } from '../order-run.ts';
import type { Stack } from '../stack.ts';
import type { Peak } from './peak.ts';

const times = 3;
const connections = 512;
const napMs = 1;

/** What is still finished when three times as much is asked for as can be. */
export async function measureOverload(bench: Bench, stack: Stack, peak: Peak): Promise<void> {
  const run = await runOrders(bench, stack, `overload, ${times} × the peak`, {
    load: {
      port: stack.orderPort(),
      mode: 'open',
      connections,
      rate: times * peak.settledPerSecond,
      napMs,
      // The beginning counts: that is when a platform would take on too much.
      warmMs: 0,
      runMs: bench.durations.overloadMs,
    },
  });
  const goodput = run.settledPerSecond / peak.settledPerSecond;
  bench.results.ratios.overloadGoodput = goodput;
  bench.results.figures.overload = {
    offeredPerSecond: times * peak.settledPerSecond,
    settledPerSecond: run.settledPerSecond,
    acceptedPerSecond: run.load.accepted / run.load.seconds,
    drainedMs: run.drainedMs,
    refusedP99Ms: refusedP99Ms(run.load.refusedLatency),
    residentMiB: run.residentMiB,
  };
  bench.say(`overload: ${Math.round(run.settledPerSecond)} settled/s, ${goodput.toFixed(2)}`);
}

function refusedP99Ms(buckets: Parameters<typeof Histogram.of>[0]): number {
  return Histogram.of(buckets).percentile(0.99) / 1_000;
}
