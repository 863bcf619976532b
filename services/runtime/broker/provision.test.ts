import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import * as inventory from '@windlass/contracts/inventory.ts';
import * as orders from '@windlass/contracts/orders.ts';
import { streams } from '@windlass/contracts/streams.ts';
import { resolveNatsServer } from '@windlass/local/nats-binary.ts';
import { type NatsServer, startNatsServer } from '@windlass/local/nats-server.ts';
import { connect, type JetStreamManager, type NatsConnection } from 'nats';
import { differences, provision } from './provision.ts';
import { development } from './topology.ts';

let directory: string;
let server: NatsServer;
let connection: NatsConnection;
let manager: JetStreamManager;

const services = [
  { name: 'order', consumes: [inventory.reserved, inventory.rejected] },
  { name: 'inventory', consumes: [orders.created] },
  { name: 'provider', consumes: [] },
];
const environment = development;
const run = (changed: object = {}) =>
  provision({
    connection: { servers: server.url },
    streams,
    services,
    environment,
    ...changed,
  });

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'windlass-provision-'));
  const { path } = await resolveNatsServer();
  server = await startNatsServer({ binary: path, dataDir: directory, port: 0 });
  connection = await connect({ servers: server.url });
  manager = await connection.jetstreamManager();
  await run();
}, 60_000);

afterAll(async () => {
  await connection?.close();
  await server?.stop();
  await rm(directory, { recursive: true, force: true });
});

test('creates the streams of the contexts and of the runtime', async () => {
  const names = [];
  for await (const name of manager.streams.names()) names.push(name);
  expect(names.sort()).toEqual([
    ...['ADVISORY', 'DEAD_LETTER', 'INVENTORY', 'ORDERS', 'PAYMENTS', 'REPLAY'],
  ]);
  const { config } = await manager.streams.info('ORDERS');
  expect(config).toMatchObject({
    subjects: ['orders.>'],
    discard: 'new',
    deny_delete: true,
    allow_atomic: true,
    allow_direct: false,
    max_bytes: 2 ** 31,
    max_age: 86_400e9,
    duplicate_window: 120e9,
  });
});

test('gives a service one durable for each stream and lane, and a reaper', async () => {
  const filters = async (stream: string, name: string) => {
    const { config } = await manager.consumers.info(stream, name);
    return config.filter_subjects ?? [config.filter_subject];
  };
  expect(await filters('INVENTORY', 'order-hot')).toEqual([
    'inventory.reserved.v1.hot.*',
    'inventory.rejected.v1.hot.*',
  ]);
  expect(await filters('ORDERS', 'inventory-bulk')).toEqual(['orders.created.v1.bulk.*']);
  expect(await filters('ADVISORY', 'inventory-reaper')).toEqual(
    ['hot', 'standard', 'bulk'].map(
      (lane) => `$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.ORDERS.inventory-${lane}`,
    ),
  );
  await expect(manager.consumers.info('ADVISORY', 'provider-reaper')).rejects.toThrow();
});

test('changes nothing when everything is as declared', async () => {
  expect(await run()).toEqual({ created: [], updated: [] });
});

test('updates a stream that differs and keeps its messages', async () => {
  await connection.jetstream().publish('orders.created.v1.hot.00', 'kept');
  const larger = { ...environment, maxAgeDays: 2 };
  const { created, updated } = await run({ environment: larger });
  expect(created).toEqual([]);
  expect(updated).toEqual(['ORDERS', 'INVENTORY', 'PAYMENTS']);
  const { config, state } = await manager.streams.info('ORDERS');
  expect(config.max_age).toBe(2 * 86_400e9);
  expect(state.messages).toBe(1);
});

test('updates a consumer when the service consumes another event', async () => {
  const more = [{ name: 'inventory', consumes: [orders.created, orders.confirmed] }];
  const { updated } = await run({ services: more, environment: { ...environment, maxAgeDays: 2 } });
  expect(updated).toEqual(['hot', 'standard', 'bulk'].map((lane) => `ORDERS/inventory-${lane}`));
});

test('says what the server refused', async () => {
  const replicated = { ...environment, replicas: 3 };
  await expect(run({ environment: replicated })).rejects.toThrow(/NATS refused stream ORDERS: /);
});

test('captures an advisory where the reaper looks for it', async () => {
  const consumer = await connection.jetstream().consumers.get('ORDERS', 'inventory-hot');
  for (let delivery = 1; delivery <= 5; delivery++) {
    (await consumer.next({ expires: 2_000 }))?.nak();
  }
  // The server notices that the deliveries ran out when somebody asks for the next one.
  expect(await consumer.next({ expires: 1_000 })).toBeNull();
  const reaper = await connection.jetstream().consumers.get('ADVISORY', 'inventory-reaper');
  const advisory = await reaper.next({ expires: 5_000 });
  expect(advisory?.json()).toMatchObject({ stream: 'ORDERS', consumer: 'inventory-hot' });
});

test.each([
  ['a key that the server dropped', { allow_atomic: true }, {}, 1],
  ['another value', { max_age: 1 }, { max_age: 2 }, 1],
  ['a zero value that the server leaves out', { deny_delete: false }, {}, 0],
  ['filters in another order', { filter_subjects: ['a', 'b'] }, { filter_subjects: ['b', 'a'] }, 0],
  ['one filter under the older key', { filter_subjects: ['a'] }, { filter_subject: 'a' }, 0],
  ['metadata of the server', {}, { metadata: { '_nats.ver': '2.15.1' } }, 0],
])('compares %s', (_case, wanted, actual, count) => {
  expect(differences(wanted, actual)).toHaveLength(count);
});
