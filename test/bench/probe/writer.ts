import { randomBytes, randomUUID } from 'node:crypto';
import { type Order, place } from '@windlass/order/order.ts';
import { acceptedReply } from '@windlass/order/replies.ts';
import { acceptColumns, migrations } from '@windlass/order/store.ts';
import { uuidv7 } from '@windlass/runtime/ids.ts';
import { type Acceptance, Acceptor } from '@windlass/runtime/store/acceptor.ts';
import { record } from '@windlass/runtime/store/events.ts';
import { migrate } from '@windlass/runtime/store/migrations.ts';
import { runtimeMigrations } from '@windlass/runtime/store/schema.ts';
import pg from 'pg';
import type { z } from 'zod';
import { Histogram } from '../histogram.ts';
import { openDatabase } from './floor.ts';
import type { WriterRates, writerProbe } from './probes.ts';
import { storeAlone } from './transaction.ts';

const writerConnections = 8;
const transactionConnections = 16;
const batchMax = 512;
const warmMs = 1_500;

type Write = (acceptance: Acceptance<Order>) => Promise<unknown>;

/** A new order as the service's route makes it, with all that is stored of it. */
export function newAcceptance(): Acceptance<Order> {
  const lines = Array.from({ length: 5 }, (_, index) => ({
    sku: `SKU-${index}`,
    quantity: 2,
    unitPrice: 1_999,
  }));
  const now = Date.now();
  const command = { customerId: 'c-0001', currency: 'EUR', lines, lane: 'standard' as const };
  const { order, events } = place(command, uuidv7(), now);
  const { id: aggregateId, lane, version } = order;
  const traceparent = `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-00`;
  const cause = { correlationId: randomUUID(), traceparent };
  const [event] = record({ aggregateId, lane, version, events }, cause, now);
  if (event === undefined) throw new Error('a new order has an event');
  const { status, body, headers } = acceptedReply(order);
  const location = headers?.location;
  return {
    entity: order,
    event,
    cause,
    use: {
      scope: 'anonymous POST /v1/orders',
      key: randomUUID(),
      fingerprint: randomBytes(32),
    },
    reply: { status, body, ...(location === undefined ? {} : { location }) },
  };
}

/** The order writer against one transaction for each order, taking turns on the same tables. */
export async function measureWriter(spec: z.output<typeof writerProbe>): Promise<WriterRates> {
  const batched = openDatabase(spec.database, writerConnections);
  const single = new pg.Pool({ connectionString: spec.database, max: transactionConnections });
  await migrate(batched, [...runtimeMigrations, ...migrations]);
  const acceptor = new Acceptor<Order>({
    database: batched,
    table: 'orders',
    columns: acceptColumns,
    maxBatch: batchMax,
    committed: () => undefined,
  });
  const writer: Write = (acceptance) => acceptor.accept(acceptance);
  const transaction: Write = (acceptance) => storeAlone(single, acceptance, false);
  const prepared: Write = (acceptance) => storeAlone(single, acceptance, true);
  const rates: Record<'writer' | 'transaction' | 'prepared', number[]> = {
    writer: [],
    transaction: [],
    prepared: [],
  };
  const latencies = { writer: new Histogram(), transaction: new Histogram() };
  const unused = new Histogram();
  for (const write of [writer, transaction, prepared]) {
    await rateOf(write, spec.callers, warmMs, unused);
  }
  const { callers, roundMs } = spec;
  for (let round = 0; round < spec.rounds; round++) {
    rates.writer.push(await rateOf(writer, callers, roundMs, latencies.writer));
    rates.transaction.push(await rateOf(transaction, callers, roundMs, latencies.transaction));
    rates.prepared.push(await rateOf(prepared, callers, roundMs, unused));
  }
  await Promise.all([batched.close(), single.end()]);
  return {
    kind: 'writer-rates',
    ...rates,
    writerLatency: inMilliseconds(latencies.writer),
    transactionLatency: inMilliseconds(latencies.transaction),
  };
}

/** Orders a second with `callers` that each store one order after the other. */
async function rateOf(
  write: Write,
  callers: number,
  ms: number,
  latency: Histogram,
): Promise<number> {
  const started = performance.now();
  const end = started + ms;
  let stored = 0;
  const caller = async () => {
    for (let now = performance.now(); now < end; ) {
      await write(newAcceptance());
      stored += 1;
      const then = performance.now();
      latency.record((then - now) * 1_000);
      now = then;
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return stored / ((performance.now() - started) / 1_000);
}

function inMilliseconds(histogram: Histogram): { p50: number; p99: number } {
  return { p50: histogram.percentile(0.5) / 1_000, p99: histogram.percentile(0.99) / 1_000 };
}
