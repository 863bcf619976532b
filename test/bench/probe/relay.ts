import { Publisher } from '@windlass/runtime/broker/publisher.ts';
import { Relay } from '@windlass/runtime/broker/relay.ts';
import { Wake } from '@windlass/runtime/broker/wake.ts';
import { type RecordedEvent, subjectOf } from '@windlass/runtime/event.ts';
import { appendEvents } from '@windlass/runtime/store/events.ts';
import { migrate } from '@windlass/runtime/store/migrations.ts';
import { measureOutbox } from '@windlass/runtime/store/outbox.ts';
import type { Database } from '@windlass/runtime/store/pool.ts';
import { runtimeMigrations } from '@windlass/runtime/store/schema.ts';
import { until } from '@windlass/runtime/testing/until.ts';
import type { z } from 'zod';
import { openBroker, openDatabase } from './floor.ts';
import type { RelayRates, relayProbe } from './probes.ts';
import { newAcceptance } from './writer.ts';

const window = 256;
const appendBatch = 500;
const connections = 8;
const everyMs = 5;

type Spec = z.output<typeof relayProbe>;

/** The relay, from a full outbox to an empty one, in turns with a promise for each message. */
export async function measureRelay(spec: Spec): Promise<RelayRates> {
  const database = openDatabase(spec.database, connections);
  await migrate(database, runtimeMigrations);
  const relay: number[] = [];
  const awaited: number[] = [];
  // The first of each warms up.
  for (let round = 0; round <= spec.rounds; round++) {
    const drained = await drainOnce(database, spec);
    const published = await publishAwaited(spec);
    if (round === 0) continue;
    relay.push(drained);
    awaited.push(published);
  }
  await database.close();
  return { kind: 'relay-rates', relay, awaited };
}

/** Events a second from the relay's start until the outbox is empty, its deletes included. */
async function drainOnce(database: Database, spec: Spec): Promise<number> {
  for (let done = 0; done < spec.events; done += appendBatch) {
    const events = Array.from({ length: appendBatch }, () => newAcceptance().event);
    await database.query(appendEvents(events));
  }
  const broker = openBroker(spec.nats, 'bench-relay');
  await broker.ready();
  const publisher = new Publisher(broker);
  const wake = new Wake(broker, 'bench', 'outbox');
  let published = 0;
  const relay = new Relay({
    database,
    broker,
    publisher,
    wake,
    replica: 'bench',
    logger: { warn: () => undefined, error: () => undefined },
    onPublished: (events) => {
      published += events.length;
    },
    onRefused: () => undefined,
  });
  const started = performance.now();
  await relay.start();
  await until('everything is published', () => published >= spec.events, { everyMs });
  await until('the outbox is empty', async () => (await measureOutbox(database)).rows === 0, {
    everyMs,
  });
  const seconds = (performance.now() - started) / 1_000;
  await relay.stop(1_000);
  wake.close();
  publisher.close();
  await broker.close();
  return published / seconds;
}

/** Messages a second with a window of awaited `js.publish`, to the relay's own stream. */
async function publishAwaited(spec: Spec): Promise<number> {
  const broker = openBroker(spec.nats, 'bench-awaited');
  const stream = (await broker.ready()).jetstream();
  const started = performance.now();
  const end = started + spec.publishMs;
  let stored = 0;
  const publish = async (event: RecordedEvent) => {
    await stream.publish(subjectOf(event), event.body, { msgID: event.id });
    stored += 1;
  };
  const publisher = async () => {
    while (performance.now() < end) await publish(newAcceptance().event);
  };
  await Promise.all(Array.from({ length: window }, publisher));
  const seconds = (performance.now() - started) / 1_000;
  await broker.close();
  return stored / seconds;
}
