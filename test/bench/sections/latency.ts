import type { Bench } from '../bench-context.ts';
import { type EndToEnd, endToEnd } from '../end-to-end.ts';
import { runOrders } from '../order-run.ts';
import type { Stack } from '../stack.ts';
import type { Peak } from './peak.ts';

const connections = 128;
/** The last commit itself is left out of both: with it the ratio would be a little smaller. */
const commitMs = 0;

/** How much longer orders take at half of what is possible than when there is little to do. */
export async function measureLatency(bench: Bench, stack: Stack, peak: Peak): Promise<void> {
  const light = await at(bench, stack, 'light, 5 % of the peak', 0.05 * peak.settledPerSecond);
  const half = await at(bench, stack, 'half, 50 % of the peak', 0.5 * peak.settledPerSecond);
  bench.results.ratios.p99HalfOverLight = half.p99 / light.p99;
  bench.results.figures.latency = { light, half };
}

async function at(bench: Bench, stack: Stack, name: string, rate: number): Promise<EndToEnd> {
  const { latencyMs: runMs } = bench.durations;
  const run = await runOrders(bench, stack, name, {
    load: {
      port: stack.orderPort(),
      mode: 'open',
      connections,
      rate,
      timed: true,
      warmMs: 4_000,
      runMs,
    },
  });
  const measured = await endToEnd(stack, run, commitMs);
  const { p50, p99 } = measured;
  bench.say(`${name}: confirmed after p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`);
  return measured;
}
