import type { Bench } from '../bench-context.ts';
import { measureHttp } from '../http-baseline.ts';
import { runOrders } from '../order-run.ts';
import { Stack } from '../stack.ts';

const clients = 64;
/** Shorter than what an answer takes by far, and several answers at a wake-up. */
const napMs = 1;
const emptyWithinMs = 10_000;

/** How many orders are accepted and stored when nothing else has to be done with them. */
export async function measureAccepted(bench: Bench): Promise<void> {
  const stack = await Stack.start(bench, { name: 'accepting', services: ['order'] });
  try {
    const before = await measureHttp(bench);
    const run = await runOrders(bench, stack, 'accepting only', {
      load: {
        port: stack.orderPort(),
        mode: 'closed',
        connections: clients,
        warmMs: bench.durations.warmMs,
        runMs: Math.min(bench.durations.runMs, 10_000),
        napMs,
      },
      quietWithinMs: emptyWithinMs,
      counted: false,
      onPhase: async () => stack.toggleProfiles(),
    });
    const after = await measureHttp(bench);
    const accepted = run.load.accepted / run.load.seconds;
    const http = (before + after) / 2;
    bench.results.ratios.acceptedOverHttp = accepted / http;
    bench.results.figures.accepted = {
      acceptedPerSecond: accepted,
      httpPerSecond: http,
      outboxEmptyAfterMs: run.drainedMs,
      cpuMicrosPerOrder: run.cpuPerOrder,
    };
    bench.say(`accepted ${Math.round(accepted)}/s ÷ HTTP ${Math.round(http)}/s`);
  } finally {
    await stack.stop();
  }
}
