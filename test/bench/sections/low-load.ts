import type { Bench } from '../bench-context.ts';
import { type EndToEnd, endToEnd } from '../end-to-end.ts';
import { runOrders } from '../order-run.ts';
import { type Durations, durations } from '../probe/probes.ts';
import type { Stack } from '../stack.ts';
import { Worker } from '../worker.ts';

const ordersPerSecond = 20;
const connections = 16;
/** How many of each there are between an order and its confirmation. */
const commits = 5;
const hops = 3;

export interface Floor {
  readonly commit: Durations;
  readonly hop: Durations;
  readonly provider: Durations;
  /** The least that an order can take, in milliseconds. */
  readonly totalMs: number;
}

/** How long an order takes when there is nearly nothing else to do, and what it consists of. */
export async function measureLowLoad(bench: Bench, stack: Stack): Promise<void> {
  const before = await measureFloor(bench, stack);
  const { warmMs, lowLoadMs } = bench.durations;
  const run = await runOrders(bench, stack, 'low load', {
    load: {
      port: stack.orderPort(),
      mode: 'open',
      connections,
      rate: ordersPerSecond,
      precise: true,
      timed: true,
      warmMs,
      runMs: lowLoadMs,
    },
  });
  const after = await measureFloor(bench, stack);
  const floorMs = (before.totalMs + after.totalMs) / 2;
  const measured = await endToEnd(stack, run, (before.commit.p50 + after.commit.p50) / 2);
  bench.results.ratios.lowLoadP50OverFloor = measured.p50 / floorMs;
  bench.results.ratios.lowLoadP99OverFloor = measured.p99 / floorMs;
  bench.results.figures.lowLoad = { floorMs, before, after, ...measured };
  bench.say(`floor ${floorMs.toFixed(2)} ms; ${wordsOf(measured)}`);
}

/** The same with two replicas of each service, half of the orders sent to either. */
export async function measureReplicas(bench: Bench, stack: Stack): Promise<void> {
  const floor = await measureFloor(bench, stack);
  const { warmMs, latencyMs: runMs } = bench.durations;
  const load = {
    mode: 'open' as const,
    connections,
    rate: ordersPerSecond,
    precise: true,
    timed: true,
    warmMs,
    runMs,
  };
  const found: EndToEnd[] = [];
  for (const replica of [0, 1]) {
    const port = stack.orderPort(replica);
    const name = `two replicas, low load on number ${replica + 1}`;
    const run = await runOrders(bench, stack, name, { load: { ...load, port } });
    const measured = await endToEnd(stack, run, floor.commit.p50);
    found.push(measured);
    bench.say(`${name}: ${wordsOf(measured)}`);
  }
  bench.results.figures.twoReplicas = { floorMs: floor.totalMs, found };
}

/**
 * PostgreSQL and NATS are the platform's own. Charges go to a second provider, so that the
 * ledger of the first one holds orders only.
 */
async function measureFloor(bench: Bench, stack: Stack): Promise<Floor> {
  const { postgres, nats } = stack.platform;
  const provider = stack.platform.replicas('provider')[1];
  if (provider === undefined) throw new Error('there is no provider to be measured');
  await postgres.createDatabase('floor');
  const probe = await Worker.start('probe', bench.bundles.probe);
  try {
    const ms = bench.durations.floorMs;
    const ask = (message: object) => probe.ask({ ...message, ms }, durations);
    const commit = await ask({ kind: 'commit', database: postgres.url('floor') });
    const hop = await ask({ kind: 'hop', nats: nats.url });
    const charge = await ask({ kind: 'provider', url: provider.url });
    const totalMs = commits * commit.p50 + hops * hop.p50 + charge.p50;
    bench.say(
      `floor: commit ${commit.p50.toFixed(2)}, hop ${hop.p50.toFixed(2)}, ` +
        `provider call ${charge.p50.toFixed(2)} ms`,
    );
    return { commit, hop, provider: charge, totalMs };
  } finally {
    await probe.stop();
  }
}

function wordsOf({ count, p50, p99, steps }: EndToEnd): string {
  const parts = Object.entries(steps).map(([step, ms]) => `${step} ${ms.toFixed(1)}`);
  return (
    `${count} orders confirmed after p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms ` +
    `(${parts.join(', ')})`
  );
}
