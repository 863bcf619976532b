import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type TemporaryDirectory, temporaryDirectory } from '@windlass/local/directory.ts';
import { resolveNatsServer } from '@windlass/local/nats-binary.ts';
import { type NatsServer, startNatsServer } from '@windlass/local/nats-server.ts';
import { connect, type NatsConnection } from 'nats';
import type { RecordedEvent } from '../event.ts';
import { appendEvents } from '../store/events.ts';
import {
  connected,
  freshName,
  freshStore,
  listening,
  provisioned,
  type Store,
} from '../testing/rig.ts';
import { recorded, tallyEvents } from '../testing/tally.ts';
import { until } from '../testing/until.ts';
import type { Broker } from './connection.ts';
import { Publisher } from './publisher.ts';
import { Relay } from './relay.ts';
import { Wake } from './wake.ts';

/** A server of this file's own, because it is killed here. */
let directory: TemporaryDirectory;
let binary: string;
let server: NatsServer;
let reader: NatsConnection;
let store: Store;
let replicas: Replica[] = [];
const start = (port: number) => startNatsServer({ binary, dataDir: directory.path, port });

beforeAll(async () => {
  directory = await temporaryDirectory();
  binary = (await resolveNatsServer()).path;
  server = await start(0);
  reader = await connect({ servers: server.url, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
  store = await freshStore();
}, 60_000);
afterAll(async () => {
  await store.end();
  await reader.close();
  await server.stop();
  await directory.remove();
}, 30_000);

let context: ReturnType<typeof tallyEvents>;
let stream: string;
beforeEach(async () => {
  context = tallyEvents(freshName('relay'));
  stream = await provisioned(Object.values(context), [], server.url);
  await store.database.query({ text: 'TRUNCATE events, outbox_pending, replicas' });
  await store.database.query({
    text: `UPDATE outbox_partitions SET owner = NULL, expires_at = '-infinity'`,
  });
});
afterEach(async () => {
  await Promise.all(replicas.map((replica) => replica.end()));
  replicas = [];
  await (await reader.jetstreamManager()).streams.delete(stream);
});

interface Replica {
  readonly relay: Relay;
  readonly broker: Broker;
  readonly published: RecordedEvent[];
  readonly logger: ReturnType<typeof listening>;
  /** Commits events and hands them over, as the unit of work does. */
  commit(events: readonly RecordedEvent[]): Promise<void>;
  end(): Promise<void>;
}

async function replica(name: string, service = 'relay'): Promise<Replica> {
  const broker = await connected(name, server.url);
  const publisher = new Publisher(broker);
  const wake = new Wake(broker, service, 'outbox');
  const database = store.replica();
  const published: RecordedEvent[] = [];
  const logger = listening();
  const relay = new Relay({
    ...{ database, broker, publisher, wake, logger, replica: name, sweepMs: 200 },
    onPublished: (events) => published.push(...events),
    onRefused: () => {},
  });
  await relay.start();
  let ended: Promise<void> | undefined;
  const end = async () => {
    await relay.stop(1_000);
    wake.close();
    publisher.close();
    await broker.close();
  };
  const made: Replica = {
    ...{ relay, broker, published, logger },
    async commit(events) {
      await database.query(appendEvents(events));
      relay.offer(events);
    },
    end: () => (ended ??= end()),
  };
  replicas.push(made);
  return made;
}

/** `<aggregate>.<version>` of each stored message, in the order of the stream. */
async function stored(): Promise<string[]> {
  const manager = await reader.jetstreamManager();
  const { state } = await manager.streams.info(stream);
  const found: string[] = [];
  if (state.messages === 0) return found;
  const consumer = await reader.jetstream().consumers.get(stream);
  const messages = await consumer.fetch({ max_messages: state.messages, expires: 5_000 });
  for await (const message of messages) {
    found.push(
      `${message.headers?.get('ce-subject')}.${Number(message.headers?.get('ce-sequence'))}`,
    );
  }
  return found;
}
const storedCount = async () =>
  (await (await reader.jetstreamManager()).streams.info(stream)).state.messages;
const pending = async () => {
  const [row] = await store.database.query<{ rows: number }>({
    text: 'SELECT count(*) AS rows FROM outbox_pending',
  });
  return row?.rows ?? 0;
};
const emptied = () =>
  until('an empty outbox', async () => (await pending()) === 0, { withinMs: 20_000 });

/** Each aggregate once and without gaps, in version order. */
function expectOrder(found: readonly string[], expected: Readonly<Record<string, number>>): void {
  const versions = new Map<string, number[]>();
  for (const each of found) {
    const [id = '', version] = each.split('.');
    versions.set(id, [...(versions.get(id) ?? []), Number(version)]);
  }
  const wanted = Object.entries(expected).map(([id, count]) => [
    id,
    Array.from({ length: count }, (_, index) => index + 1),
  ]);
  expect(Object.fromEntries(versions)).toEqual(Object.fromEntries(wanted));
}

test('a committed event is published with its id and taken off', async () => {
  const { commit, published } = await replica('a');
  const [event] = recorded(context, 'tally', 1);
  await commit(recorded(context, 'tally', 1));
  await until(() => published.length === 1);
  await emptied();
  const message = await (await reader.jetstreamManager()).streams.getMessage(stream, { seq: 1 });
  expect(message.subject).toMatch(new RegExp(`^${event?.type}\\.v1\\.standard\\.\\d\\d$`));
  expect(message.header.get('Nats-Msg-Id')).toBe(event?.id);
  expect(Buffer.from(message.data)).toEqual(event?.body);
});

test('many events of few aggregates are stored in version order', async () => {
  const { commit } = await replica('a');
  const expected: Record<string, number> = {};
  for (let version = 1; version <= 40; version++) {
    const batch = ['x', 'y', 'z'].flatMap((id) => recorded(context, id, version));
    for (const id of ['x', 'y', 'z']) expected[id] = version;
    await commit(batch);
  }
  await emptied();
  expectOrder(await stored(), expected);
});

test('what was committed while nobody published is found by the sweep', async () => {
  await store.database.query(appendEvents(recorded(context, 'tally', 1, 30)));
  await replica('a');
  await emptied();
  expectOrder(await stored(), { tally: 30 });
});

test('a crash between publishing and taking off repeats the same ids, stored once', async () => {
  const first = await replica('a');
  const events = ['x', 'y', 'z'].flatMap((id) => recorded(context, id, 1, 20));
  await first.commit(events);
  await emptied();
  await first.end();
  const again = events.map((event) => ({
    text: 'INSERT INTO outbox_pending VALUES ($1, $2, $3, now())',
    values: [event.partition, event.aggregateId, event.sequence],
  }));
  for (const statement of again) await store.database.query(statement);
  const more = ['x', 'y', 'z'].flatMap((id) => recorded(context, id, 21, 2));
  await store.database.query(appendEvents(more));
  const second = await replica('b');
  await emptied();
  expect(second.published).toHaveLength(66);
  expectOrder(await stored(), { x: 22, y: 22, z: 22 });
  expect(second.logger.lines).toEqual([]);
});

test('while NATS is down commits go on, and then everything arrives in order', async () => {
  const { commit, broker } = await replica('a');
  await commit(recorded(context, 'x', 1, 3));
  await until(async () => (await storedCount()) === 3);
  server.kill('SIGKILL');
  await server.exited;
  for (let version = 4; version <= 30; version++) {
    await commit([...recorded(context, 'x', version), ...recorded(context, 'y', version - 3)]);
  }
  expect(await pending()).toBeGreaterThanOrEqual(54);
  server = await start(server.port);
  await until('the connection', () => broker.connected, { withinMs: 20_000 });
  await emptied();
  await until('this test', () => reader.rtt().then(Boolean, () => false), { withinMs: 20_000 });
  expectOrder(await stored(), { x: 30, y: 27 });
}, 40_000);

test('two replicas publish what either commits, each aggregate in version order', async () => {
  const both = [await replica('a'), await replica('b')];
  const ids = Array.from({ length: 24 }, (_, index) => `tally-${index}`);
  for (let version = 1; version <= 20; version++) {
    await Promise.all(
      ids.map((id, index) => both[(index + version) % 2]?.commit(recorded(context, id, version))),
    );
  }
  await emptied();
  expectOrder(await stored(), Object.fromEntries(ids.map((id) => [id, 20])));
}, 20_000);

test('a partition that changes hands in the middle loses and reorders nothing', async () => {
  const first = await replica('a');
  const ids = Array.from({ length: 16 }, (_, index) => `tally-${index}`);
  let second: Replica | undefined;
  for (let version = 1; version <= 30; version++) {
    if (version === 10) second = await replica('b');
    if (version === 20) await first.end();
    const by = version < 20 ? first : second;
    await by?.commit(ids.flatMap((id) => recorded(context, id, version)));
  }
  await emptied();
  expectOrder(await stored(), Object.fromEntries(ids.map((id) => [id, 30])));
  expect(second?.published.length).toBeGreaterThan(0);
}, 20_000);

test('a backlog that is larger than the memory is worked off in order', async () => {
  const text = `INSERT INTO events SELECT 'tally-' || a, v, $1, 1, 'standard', now(), 'c', NULL,
      't', '{}' FROM generate_series(1, 3000) a, generate_series(1, 8) v`;
  await store.database.query({ text, values: [context.added.type] });
  const ids = Array.from({ length: 3_000 }, (_, index) => `tally-${index + 1}`);
  await store.database.query({
    text: `INSERT INTO outbox_pending SELECT p, id, v, now()
           FROM unnest($1::text[], $2::int[]) AS u(id, p), generate_series(1, 8) v`,
    values: [ids, ids.map((id) => recorded(context, id, 1)[0]?.partition)],
  });
  const { published } = await replica('a');
  await until('the backlog', () => published.length >= 24_000, { withinMs: 25_000 });
  await emptied();
  expectOrder(await stored(), Object.fromEntries(ids.map((id) => [id, 8])));
}, 40_000);

describe('an event that JetStream refuses', () => {
  const tooLarge = (event: RecordedEvent) => ({ ...event, body: Buffer.alloc(600 * 1_024, 32) });

  test('holds back its aggregate and no other', async () => {
    const { commit } = await replica('a');
    const bad = recorded(context, 'bad', 1, 3).map((event, index) =>
      index === 1 ? tooLarge(event) : event,
    );
    const ids = Array.from({ length: 30 }, (_, index) => `tally-${index}`);
    await commit([...bad, ...ids.flatMap((id) => recorded(context, id, 1, 2))]);
    for (const id of ids) await commit(recorded(context, id, 3));
    await until(async () => (await storedCount()) === 91);
    expectOrder(await stored(), { ...Object.fromEntries(ids.map((id) => [id, 3])), bad: 1 });
    await until(async () => (await pending()) === 2);
    await store.database.query({ text: `UPDATE events SET body = '{}' WHERE length(body) > 1000` });
    await emptied();
    expectOrder(await stored(), { ...Object.fromEntries(ids.map((id) => [id, 3])), bad: 3 });
  });
});

test('stopping publishes what is in memory and gives the partitions back', async () => {
  const { commit, end } = await replica('a');
  await commit(['x', 'y', 'z'].flatMap((id) => recorded(context, id, 1, 100)));
  await end();
  expect(await pending()).toBe(0);
  expect(await storedCount()).toBe(300);
  const text = 'SELECT count(owner) AS owned FROM outbox_partitions';
  expect(await store.database.query({ text })).toEqual([{ owned: 0 }]);
});
