import { errorText } from '../../services/runtime/failure/error-text.ts';
import type { Bench } from './bench-context.ts';
import { measureAccepted } from './sections/accepted.ts';
import { measureLatency } from './sections/latency.ts';
import { measureLowLoad, measureReplicas } from './sections/low-load.ts';
import { measureOverload } from './sections/overload.ts';
import { measureParts } from './sections/parts.ts';
import { measureHot, measurePeak } from './sections/peak.ts';
import { measureTelemetry } from './sections/telemetry.ts';
import { Stack } from './stack.ts';

export const sceneNames = [
  'writer',
  'relay',
  'accepted',
  'low-load',
  'peak',
  'latency',
  'hot',
  'overload',
  'replicas',
  'telemetry',
] as const;

type Wanted = ReadonlySet<string>;

/**
 * All that is wanted, in an order in which no more than two platforms run at a time. What
 * fails in one scene does not keep the others from being measured, but from success.
 */
export async function runScenes(bench: Bench, wanted: Wanted): Promise<void> {
  const scene = async (names: readonly string[], work: () => Promise<void>) => {
    if (!names.some((name) => wanted.has(name)) || bench.signal.aborted) return;
    try {
      await work();
    } catch (error) {
      if (bench.signal.aborted) return;
      const reason = errorText(error);
      bench.say(`FAILED: ${reason}`);
      bench.results.broken.push(`${names.join(', ')}: ${reason}`);
    }
  };
  let peakPerSecond = Number.NaN;
  await scene(['writer', 'relay'], () => measureParts(bench, wanted));
  await scene(['accepted'], () => measureAccepted(bench));
  await scene(['low-load', 'peak', 'latency', 'hot', 'overload'], async () => {
    peakPerSecond = await measurePlatform(bench, wanted);
  });
  await scene(['replicas'], () => withTwoReplicas(bench));
  await scene(['telemetry'], () => measureTelemetry(bench, peakPerSecond));
}

/** Everything on one platform; the peak is measured whenever something is told relative to it. */
async function measurePlatform(bench: Bench, wanted: Wanted): Promise<number> {
  const stack = await Stack.start(bench, { name: 'platform', replicas: { provider: 2 } });
  try {
    if (wanted.has('low-load')) await measureLowLoad(bench, stack);
    if (![...wanted].some((name) => name !== 'low-load')) return Number.NaN;
    const peak = await measurePeak(bench, stack);
    if (wanted.has('latency')) await measureLatency(bench, stack, peak);
    if (wanted.has('hot')) await measureHot(bench, stack, peak);
    if (wanted.has('overload')) await measureOverload(bench, stack, peak);
    return peak.settledPerSecond;
  } finally {
    await stack.stop();
  }
}

async function withTwoReplicas(bench: Bench): Promise<void> {
  const replicas = { order: 2, inventory: 2, payment: 2, provider: 2 };
  const stack = await Stack.start(bench, { name: 'two-replicas', replicas });
  try {
    await measureReplicas(bench, stack);
  } finally {
    await stack.stop();
  }
}
