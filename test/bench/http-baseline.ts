import type { Bench } from './bench-context.ts';
import { runLoad } from './run.ts';

const name = 'bare HTTP server';
const connections = 64;
/** Long enough for many answers at a wake-up, short enough that the server never runs dry. */
const closedLoopNapMs = 0.3;

/** Requests a second of the bare server, measured beside what is divided by it. */
export async function measureHttp(bench: Bench): Promise<number> {
  const first = await once(bench);
  if (first.valid) return first.rate;
  const second = await once(bench);
  if (!second.valid) bench.results.invalid.push(name);
  return second.rate;
}

async function once(bench: Bench): Promise<{ rate: number; valid: boolean }> {
  const { worker, port } = bench.bare;
  const groups = [{ name: 'bare', pids: [worker.pid] }];
  const run = await runLoad(bench, name, groups, {
    port,
    mode: 'closed',
    connections,
    warmMs: bench.durations.httpMs / 2,
    runMs: bench.durations.httpMs,
    napMs: closedLoopNapMs,
  });
  const rate = run.load.accepted / run.load.seconds;
  const cpuMicros = (run.usage.byGroup.get('bare') ?? 0) / Math.max(1, run.load.answered);
  bench.results.runs.push({
    name,
    requestsPerSecond: rate,
    cpuMicros,
    p50Ms: run.latency.percentile(0.5) / 1_000,
    p99Ms: run.latency.percentile(0.99) / 1_000,
    generatorMicros: run.generatorMicros,
    otherLoad: run.usage.others,
    valid: run.valid,
  });
  return { rate, valid: run.valid };
}
