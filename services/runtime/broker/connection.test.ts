import { afterEach, expect, test } from '@jest/globals';
import { natsUrl } from '@windlass/local/testing.ts';
import { Broker, type BrokerOptions } from './connection.ts';

const logger = { info: () => undefined, warn: () => undefined };
const nowhere = 'nats://127.0.0.1:1';
const brokers: Broker[] = [];
afterEach(async () => {
  await Promise.all(brokers.splice(0).map((broker) => broker.close()));
});

function started(options: Partial<BrokerOptions>): Broker {
  const broker = new Broker({ name: 'test', logger, servers: [], ...options });
  brokers.push(broker);
  broker.start();
  return broker;
}

test('is ready when it is connected', async () => {
  const broker = started({ servers: [await natsUrl()] });
  const connection = await broker.readyWithin(60_000);
  expect(connection).toBe(broker.current);
  expect(broker.failure).toBeUndefined();
});

test('says why it is not, as soon as it knows', async () => {
  const broker = started({ servers: [nowhere] });
  expect(await broker.readyWithin(60_000)).toMatchObject({ kind: 'unreachable' });
  expect(broker.failure).toMatchObject({ kind: 'unreachable' });
});

test('waits no longer than it is told', async () => {
  const never = new Promise<undefined>(() => undefined);
  const broker = started({ servers: [nowhere], credentials: () => never });
  expect(await broker.readyWithin(10)).toMatchObject({ kind: 'unreachable' });
});

test('credentials that cannot be had are a failure like any other', async () => {
  const credentials = async () => ({ kind: 'nkey', seed: 'nonsense' }) as const;
  const broker = started({ servers: [await natsUrl()], credentials });
  expect(await broker.readyWithin(60_000)).toMatchObject({ kind: 'refused' });
});

test('asks at each attempt where the servers are', async () => {
  const url = await natsUrl();
  let attempts = 0;
  const broker = started({
    servers: () => {
      attempts += 1;
      return [attempts === 1 ? nowhere : url];
    },
  });
  await broker.ready();
  expect(attempts).toBeGreaterThan(1);
});

test('connects anew when the connection is closed, and tells of both', async () => {
  const url = await natsUrl();
  const broker = started({ servers: () => [url] });
  const connection = await broker.ready();
  const changes: boolean[] = [];
  const again = new Promise<void>((resolve) => {
    broker.onChange((isUp) => {
      changes.push(isUp);
      if (isUp) resolve();
    });
  });
  await connection.close();
  await again;
  expect(changes).toEqual([false, true]);
  expect(await broker.ready()).not.toBe(connection);
});

test('its inbox is its own, or as it is told', () => {
  expect(started({ servers: [nowhere] }).newInbox()).toMatch(/^_INBOX_test\./);
  expect(started({ servers: [nowhere], inboxPrefix: '_INBOX' }).newInbox()).toMatch(/^_INBOX\./);
});
