import { randomUUID } from 'node:crypto';
import { connectProvider } from '@windlass/payment/effects.ts';
import { Broker } from '@windlass/runtime/broker/connection.ts';
import { type Database, Database as OpenDatabase } from '@windlass/runtime/store/pool.ts';
import { Histogram } from '../histogram.ts';
import type { Durations } from './probes.ts';
import { benchStream } from './stream.ts';

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
/** As many bytes as an event has. */
const body = 'x'.repeat(560);
const warmMs = 500;

export function openDatabase(url: string, max: number): Database {
  return new OpenDatabase({ url, max, name: 'windlass-bench', logger: silent });
}

export function openBroker(nats: string, name: string): Broker {
  const broker = new Broker({ servers: [nats], name, logger: silent });
  broker.start();
  return broker;
}

/** One row in a transaction of its own, one at a time. */
export async function measureCommit(url: string, ms: number): Promise<Durations> {
  const database = openDatabase(url, 1);
  await database.query({
    text: 'CREATE TABLE IF NOT EXISTS commits (id text PRIMARY KEY, body text NOT NULL)',
  });
  const insert = async () => {
    const values = [randomUUID(), body];
    await database.query({ name: 'c', text: 'INSERT INTO commits VALUES ($1, $2)', values });
    return undefined;
  };
  const measured = await repeated(insert, ms);
  await database.close();
  return measured;
}

/** From publishing on one connection to the consumer's callback on another, one at a time. */
export async function measureHop(nats: string, ms: number): Promise<Durations> {
  const sender = openBroker(nats, 'bench-sender');
  const receiver = openBroker(nats, 'bench-receiver');
  const stream = await benchStream(await sender.ready());
  const consumer = await (await receiver.ready()).jetstream().consumers.get(stream.name, 'hop');
  let arrived: () => void = () => undefined;
  const messages = await consumer.consume({
    callback: (message) => {
      arrived();
      message.ack();
    },
  });
  const publisher = (await sender.ready()).jetstream();
  const payload = Buffer.from(body);
  const hop = async () => {
    const received = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const stored = publisher.publish(stream.subject, payload, { msgID: randomUUID() });
    await received;
    return () => stored;
  };
  const measured = await repeated(hop, ms);
  await messages.close();
  await Promise.all([sender.close(), receiver.close()]);
  return measured;
}

/** A charge as the payment service makes it, one at a time. */
export async function measureProvider(url: string, ms: number): Promise<Durations> {
  const { client, close } = connectProvider(url);
  const { signal } = new AbortController();
  const charge = async () => {
    const key = randomUUID();
    const answer = await client.charge(
      { key, orderId: key, amount: 1_999, currency: 'EUR' },
      signal,
    );
    if (typeof answer === 'string') throw new Error(`the provider answered ${answer}`);
    return undefined;
  };
  const measured = await repeated(charge, ms);
  await close();
  return measured;
}

/** Durations of `work`. What it returns is waited for as well, but not measured. */
async function repeated(
  work: () => Promise<(() => Promise<unknown>) | undefined>,
  ms: number,
): Promise<Durations> {
  const histogram = new Histogram();
  const measureFrom = performance.now() + warmMs;
  const end = measureFrom + ms;
  for (;;) {
    const started = performance.now();
    if (started > end) break;
    const rest = await work();
    const ended = performance.now();
    if (started > measureFrom) histogram.record((ended - started) * 1_000);
    await rest?.();
  }
  const { count } = histogram;
  const [p50, p99] = [histogram.percentile(0.5) / 1_000, histogram.percentile(0.99) / 1_000];
  return { kind: 'durations', p50, p99, count };
}
