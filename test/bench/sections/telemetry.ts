import { z } from 'zod';
import type { Bench } from '../bench-context.ts';
import { medianOf } from '../histogram.ts';
import { runOrders } from '../order-run.ts';
import { Stack } from '../stack.ts';
import { Worker } from '../worker.ts';

const connections = 64;
const napMs = 1;
/** Of the peak: enough for batches, and far from where queues would decide. */
const shareOfPeak = 0.3;
const rateWithoutPeak = 400;
/** Of what is printed and not judged. */
const printedRounds = 2;
/** Those that have telemetry. */
const services = ['order', 'inventory', 'payment'];
const listening = z.object({ kind: z.literal('listening'), port: z.int() });

/** What logs, metrics and traces cost: two platforms at a fixed rate, taking turns. */
export async function measureTelemetry(bench: Bench, peakPerSecond: number): Promise<void> {
  const rate = Number.isNaN(peakPerSecond) ? rateWithoutPeak : shareOfPeak * peakPerSecond;
  const off = await Stack.start(bench, { name: 'telemetry-off', env: { TELEMETRY: 'off' } });
  try {
    const { rounds } = bench.durations;
    const on = await compare(bench, off, 'telemetry-on', { TELEMETRY: 'on' }, rate, rounds);
    bench.results.ratios.telemetryCpu = on.ratio;
    const sink = await Worker.start('sink', bench.bundles.sink);
    try {
      const { port } = await sink.ask({}, listening);
      const env = {
        TELEMETRY: 'on',
        TRACE_SAMPLE_RATIO: '1',
        OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
      };
      const sampled = await compare(bench, off, 'telemetry-sampled', env, rate, printedRounds);
      bench.results.figures.telemetry = { rate, on, sampled };
      bench.say(
        `CPU of the services with telemetry ÷ without: ${on.ratio.toFixed(3)}; ` +
          `with every trace sampled and exported ${sampled.ratio.toFixed(3)}`,
      );
    } finally {
      await sink.stop();
    }
  } finally {
    await off.stop();
  }
}

/** Medians of the rounds: CPU of the services for one order, in microseconds. */
interface Compared {
  readonly ratio: number;
  readonly withMicros: readonly number[];
  readonly withoutMicros: readonly number[];
}

async function compare(
  bench: Bench,
  off: Stack,
  name: string,
  env: NodeJS.ProcessEnv,
  rate: number,
  rounds: number,
): Promise<Compared> {
  const on = await Stack.start(bench, { name, env });
  try {
    const [withMicros, withoutMicros]: [number[], number[]] = [[], []];
    // Both are warm before the first round that counts.
    await cpuOf(bench, on, rate, bench.durations.warmMs);
    await cpuOf(bench, off, rate, bench.durations.warmMs);
    for (let round = 0; round < rounds; round++) {
      // Each goes first as often as the other.
      const turns = [
        async () => withMicros.push(await cpuOf(bench, on, rate)),
        async () => withoutMicros.push(await cpuOf(bench, off, rate)),
      ];
      for (const turn of round % 2 === 0 ? turns : turns.reverse()) await turn();
    }
    const ratio = medianOf(withMicros) / medianOf(withoutMicros);
    return { ratio, withMicros, withoutMicros };
  } finally {
    await on.stop();
  }
}

async function cpuOf(
  bench: Bench,
  stack: Stack,
  rate: number,
  runMs = bench.durations.telemetryRoundMs,
): Promise<number> {
  const run = await runOrders(bench, stack, stack.name, {
    load: {
      port: stack.orderPort(),
      mode: 'open',
      connections,
      rate,
      napMs,
      warmMs: 1_000,
      runMs,
    },
    counted: false,
  });
  return services.reduce((sum, name) => sum + (run.cpuPerOrder[name] ?? 0), 0);
}
