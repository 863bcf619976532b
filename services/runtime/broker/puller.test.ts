import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { type TemporaryDirectory, temporaryDirectory } from '@windlass/local/directory.ts';
import { resolveNatsServer } from '@windlass/local/nats-binary.ts';
import { type NatsServer, startNatsServer } from '@windlass/local/nats-server.ts';
import { ConsumerRig, emptied, totals } from '../testing/consumer-rig.ts';
import { freshStore, type Store } from '../testing/rig.ts';
import { until } from '../testing/until.ts';
import { Puller } from './puller.ts';

/** A server of this file's own, because it is killed here. */
let directory: TemporaryDirectory;
let server: NatsServer;
let store: Store;
let rig: ConsumerRig;
const start = async (port: number) => {
  const binary = (await resolveNatsServer()).path;
  return await startNatsServer({ binary, dataDir: directory.path, port });
};
beforeAll(async () => {
  directory = await temporaryDirectory();
  server = await start(0);
  store = await freshStore();
}, 60_000);
afterAll(async () => {
  await store.end();
  await server.stop();
  await directory.remove();
}, 30_000);
beforeEach(async () => {
  await emptied(store);
  rig = await ConsumerRig.start(store, server.url);
});
afterEach(() => rig.end());

const wishes = (count: number, id: string) =>
  Array.from({ length: count }, (_, index) => ({ id, sequence: index + 1 }));

test('no more is held than the capacity, and the rest follows as it is taken', async () => {
  await rig.publishMany(wishes(100, 'a'));
  let arrivals = 0;
  const puller = new Puller({
    ...{ broker: rig.broker, stream: rig.stream, durable: `${rig.service}-standard` },
    capacity: 8,
    onArrival: () => {
      arrivals += 1;
    },
  });
  try {
    await until(() => puller.buffered === 8);
    expect(await rig.owed()).toEqual({ pending: 92, unacked: 8 });
    expect(puller.pendingOnServer).toBe(92);
    expect(arrivals).toBe(1);
    const seen: number[] = [];
    await until(() => {
      expect(puller.buffered).toBeLessThanOrEqual(8);
      for (const delivery of puller.take(3)) {
        seen.push(delivery.streamSequence);
        delivery.ack();
      }
      return seen.length === 100;
    });
    expect(seen).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
  } finally {
    puller.close();
  }
});

test('consuming goes on by itself when the consumer was deleted and made again', async () => {
  const { handled } = await rig.replica();
  await rig.publish({ id: 'a' });
  await until(() => handled.length === 1);
  await rig.ask(`CONSUMER.DELETE.${rig.stream}.${rig.service}-standard`);
  await rig.setAckWait(30_000);
  await rig.publish({ id: 'b' });
  await until(async () => (await totals(store)).b === 1);
  // The new consumer begins at the first message: the inbox knows it.
  expect(await totals(store)).toEqual({ a: 1, b: 1 });
});

test('consuming goes on when the server was killed, and each event takes effect once', async () => {
  // The server may forget acknowledgements of its last moments: those come again.
  await rig.setAckWait(1_000);
  const { broker } = await rig.replica();
  await rig.publishMany(wishes(100, 'a'));
  await until(() => rig.isDone());
  server.kill('SIGKILL');
  await server.exited;
  await until(() => !broker.connected && !rig.broker.connected);
  server = await start(server.port);
  await until(() => broker.connected && rig.broker.connected);
  await rig.publishMany(wishes(100, 'b'));
  await until(() => rig.isDone());
  expect(await totals(store)).toEqual({ a: 100, b: 100 });
}, 20_000);
