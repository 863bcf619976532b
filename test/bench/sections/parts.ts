import type { Bench } from '../bench-context.ts';
import { medianOf } from '../histogram.ts';
import { relayRates, writerRates } from '../probe/probes.ts';
import { Stack } from '../stack.ts';
import { Worker } from '../worker.ts';

const callers = 64;

/** The order writer and the relay on their own, each in turns with what it is compared with. */
export async function measureParts(bench: Bench, wanted: ReadonlySet<string>): Promise<void> {
  const stack = await Stack.start(bench, { name: 'servers', services: [] });
  const probe = await Worker.start('probe', bench.bundles.probe);
  try {
    if (wanted.has('writer')) await measureWriter(bench, stack, probe);
    if (wanted.has('relay')) await measureRelay(bench, stack, probe);
  } finally {
    await probe.stop();
    await stack.stop();
  }
}

async function measureWriter(bench: Bench, stack: Stack, probe: Worker): Promise<void> {
  const { postgres } = stack.platform;
  await postgres.createDatabase('writer');
  const { rounds, writerRoundMs: roundMs } = bench.durations;
  const spec = { kind: 'writer', database: postgres.url('writer'), callers, rounds, roundMs };
  const { kind: _, ...rates } = await probe.ask(spec, writerRates);
  const [writer, transaction, prepared] = [rates.writer, rates.transaction, rates.prepared].map(
    (list) => medianOf(list),
  );
  const ratio = (writer ?? Number.NaN) / (transaction ?? Number.NaN);
  bench.results.ratios.writerOverTransaction = ratio;
  bench.results.figures.writer = { ...rates, medians: { writer, transaction, prepared } };
  bench.say(
    `order writer ${round(writer)} orders/s, a transaction each ${round(transaction)} ` +
      `(prepared ${round(prepared)}): ${ratio.toFixed(2)}`,
  );
}

async function measureRelay(bench: Bench, stack: Stack, probe: Worker): Promise<void> {
  const { postgres, nats } = stack.platform;
  await postgres.createDatabase('relay');
  const { rounds, relayEvents: events, awaitedMs: publishMs } = bench.durations;
  const database = postgres.url('relay');
  const spec = { kind: 'relay', database, nats: nats.url, rounds, events, publishMs };
  const { kind: _, ...rates } = await probe.ask(spec, relayRates);
  const [relay, awaited] = [medianOf(rates.relay), medianOf(rates.awaited)];
  bench.results.ratios.relayOverAwaitedPublish = relay / awaited;
  bench.results.figures.relay = { ...rates, medians: { relay, awaited } };
  bench.say(
    `relay ${round(relay)} events/s, awaited publish ${round(awaited)}: ` +
      `${(relay / awaited).toFixed(2)}`,
  );
}

function round(value: number | undefined): string {
  return `${Math.round(value ?? Number.NaN)}`;
}
