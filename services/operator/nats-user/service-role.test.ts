import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { defineStream } from '@windlass/contracts/stream.ts';
import type { NatsConnection } from '@windlass/runtime/broker/connection.ts';
import { eventHeaders } from '@windlass/runtime/broker/headers.ts';
import { handledUpTo } from '@windlass/runtime/broker/lag.ts';
import { provision } from '@windlass/runtime/broker/provision.ts';
import { Publisher } from '@windlass/runtime/broker/publisher.ts';
import { development } from '@windlass/runtime/broker/topology.ts';
import { Wake } from '@windlass/runtime/broker/wake.ts';
import { subjectOf } from '@windlass/runtime/event.ts';
import { consumingReplica, type Replica } from '@windlass/runtime/testing/consuming-replica.ts';
import { freshStore, type Store } from '@windlass/runtime/testing/rig.ts';
import { recorded, tallyEvents } from '@windlass/runtime/testing/tally.ts';
import { until } from '@windlass/runtime/testing/until.ts';
import { natsUserSpec } from '../api/nats-user.ts';
import { permissionsOf } from './permissions.ts';
import { natsUserOf, roleOf } from './service-role.ts';
import { type ConfiguredServer, startConfiguredServer } from './testing/configured-server.ts';

const own = tallyEvents('tally');
const foreign = tallyEvents('foreign');
/** Publishes what it consumes, so that one test sees both. */
const service = { name: 'tally', consumes: [own.added], publishes: [own.added] };
const other = { name: 'other', consumes: [own.added, foreign.added], publishes: [foreign.added] };
const place = { namespace: 'shop', cluster: 'nats' };

describe('the role of a service', () => {
  test('names its durables, its reaper, its events and its own subjects', () => {
    const { pulls, publishes, subscribes } = roleOf(service);
    expect(pulls?.map(({ stream, consumer }) => `${stream}/${consumer}`)).toEqual([
      'TALLY/tally-hot',
      'TALLY/tally-standard',
      'TALLY/tally-bulk',
      'ADVISORY/tally-reaper',
    ]);
    expect(publishes).toEqual([
      'tally.added.v1.*.*',
      'dead-letter.tally.*',
      'replay.tally.>',
      'windlass.wake.tally.*',
    ]);
    expect(subscribes).toEqual(['windlass.wake.tally.*']);
  });

  test('files no dead letters when nothing is consumed', () => {
    const { pulls, publishes } = roleOf({ ...service, consumes: [] });
    expect(pulls).toEqual([]);
    expect(publishes).toEqual(['tally.added.v1.*.*', 'windlass.wake.tally.*']);
  });

  test('becomes the manifest of its user, with the inbox that its connection has', () => {
    const user = natsUserOf(service, { ...place, account: 'APP' });
    expect(user.metadata).toEqual({ name: 'tally', namespace: 'shop' });
    expect(user.spec.clusterRef).toEqual({ name: 'nats', account: 'APP' });
    expect(user.spec.inboxPrefix).toBe('_INBOX_tally');
    expect(natsUserSpec.parse(user.spec).role).toMatchObject(roleOf(service));
  });
});

describe('with the permissions of its role on a real server', () => {
  const admin = { user: 'admin', pass: 'admin' };
  let server: ConfiguredServer;
  let store: Store;
  let replica: Replica;
  let worker: NatsConnection;

  beforeAll(async () => {
    server = await startConfiguredServer(accounts());
    store = await freshStore();
    await provision({
      connection: { servers: server.url, ...admin },
      streams: [
        defineStream({ name: 'TALLY', events: Object.values(own) }),
        defineStream({ name: 'FOREIGN', events: Object.values(foreign) }),
      ],
      services: [service, other],
      environment: { ...development, maxBytes: 64 * 1_024 * 1_024 },
    });
    const { name, consumes } = service;
    const of = { service: name, consumes, database: store.database, url: server.url };
    replica = await consumingReplica(of, {});
    worker = await replica.broker.ready();
  }, 120_000);
  afterAll(async () => {
    await replica?.end();
    await store?.end();
    await server?.stop();
  }, 60_000);

  /** Whoever comes without credentials is the service: its own code knows of none here. */
  function accounts(): string {
    const { publish, subscribe } = permissionsOf(natsUserOf(service, place).spec, {
      name: service.name,
      namespace: place.namespace,
    });
    const worker = { user: 'worker', password: 'worker', permissions: { publish, subscribe } };
    const users = [{ user: admin.user, password: admin.pass }, worker];
    return [
      `accounts { APP { jetstream: enabled, users: ${JSON.stringify(users)} } }`,
      'no_auth_user: worker',
    ].join('\n');
  }

  async function publish(id: string, note?: string): Promise<void> {
    const publisher = new Publisher(replica.broker);
    try {
      const events = recorded(own, id, 1).map((event) => ({
        subject: subjectOf(event),
        headers: eventHeaders(event),
        body:
          note === undefined
            ? event.body
            : Buffer.from(JSON.stringify({ tallyId: id, amount: 1, note })),
      }));
      for (const error of await publisher.publishEach(events)) if (error) throw error;
    } finally {
      publisher.close();
    }
  }

  async function owed(): Promise<number> {
    const subject = '$JS.API.CONSUMER.INFO.TALLY.tally-standard';
    const answer = await worker.request(subject, '', { timeout: 30_000 });
    const info = answer.json<{ num_pending: number; num_ack_pending: number }>();
    return info.num_pending + info.num_ack_pending;
  }

  test('the runtime publishes and consumes, and what is handled is acknowledged', async () => {
    await publish('a');
    await until('the event', () => replica.handled.length > 0, { withinMs: 60_000 });
    await until('the acknowledgement', async () => (await owed()) === 0, { withinMs: 60_000 });
    const now = Date.now();
    const consumer = { newestHandled: () => 0 };
    expect(await handledUpTo(replica.broker, consumer, 'tally', 'TALLY', 0, now)).toBe(now);
  }, 120_000);

  test('a message that cannot be handled becomes a dead letter', async () => {
    await publish('b', 'permanent');
    await until('the dead letter', () => replica.filed.length > 0, { withinMs: 60_000 });
    await until('its end', async () => (await owed()) === 0, { withinMs: 60_000 });
  }, 120_000);

  test('an atomic batch is stored', async () => {
    const publisher = new Publisher(replica.broker);
    const batch = recorded(own, 'c', 1, 3).map((event) => ({
      subject: subjectOf(event),
      headers: eventHeaders(event),
      body: event.body,
    }));
    expect(await publisher.publishAtomically(batch)).toBeUndefined();
    publisher.close();
  }, 60_000);

  test('the replicas of a service wake each other', async () => {
    const woken: string[] = [];
    const [sender, receiver] = [0, 1].map(() => new Wake(replica.broker, 'tally', 'outbox'));
    receiver?.onWake((ids) => woken.push(...ids));
    await until(() => {
      sender?.send(['x']);
      return woken.includes('x');
    });
    sender?.close();
    receiver?.close();
  }, 60_000);

  test('the reaper reads its advisories', async () => {
    const answer = await worker.request('$JS.API.CONSUMER.INFO.ADVISORY.tally-reaper');
    expect(answer.json()).toMatchObject({ name: 'tally-reaper' });
  }, 60_000);

  test('nothing of that was refused', () => {
    expect(server.violations).toEqual([]);
  });

  const refused: Readonly<Record<string, string>> = {
    "look at another service's consumer": '$JS.API.CONSUMER.INFO.TALLY.other-hot',
    "pull from another service's consumer": '$JS.API.CONSUMER.MSG.NEXT.TALLY.other-hot',
    "acknowledge for another service's consumer": '$JS.ACK.TALLY.other-hot.1.1.1.1.0',
    'acknowledge for it in the longer form': '$JS.ACK._.hash.TALLY.other-hot.1.1.1.1.0',
    "pull from another stream's consumer": '$JS.API.CONSUMER.MSG.NEXT.FOREIGN.other-hot',
    'make a consumer': '$JS.API.CONSUMER.CREATE.TALLY.tally-hot',
    'delete its own consumer': '$JS.API.CONSUMER.DELETE.TALLY.tally-hot',
    'delete a stream': '$JS.API.STREAM.DELETE.TALLY',
    'purge a stream': '$JS.API.STREAM.PURGE.TALLY',
    'look at a stream': '$JS.API.STREAM.INFO.TALLY',
    'list the streams': '$JS.API.STREAM.NAMES',
    "read a stream's messages": '$JS.API.STREAM.MSG.GET.TALLY',
    "read a stream's messages directly": '$JS.API.DIRECT.GET.TALLY',
    'publish an event of another context': 'foreign.added.v1.hot.00',
    'publish another event of its own context': 'tally.counted.v1.hot.00',
    "file another service's dead letters": 'dead-letter.other.other-hot',
    "wake another service's replicas": 'windlass.wake.other.outbox',
    'answer into an inbox': '_INBOX_other.x',
  };
  test.each(Object.entries(refused))(
    'it may not %s',
    async (_, subject) => {
      await expect(worker.request(subject, '', { timeout: 30_000 })).rejects.toMatchObject({
        code: 'PERMISSIONS_VIOLATION',
      });
    },
    60_000,
  );

  const unheard: Readonly<Record<string, string>> = {
    "another service's inbox": '_INBOX_other.>',
    'all inboxes': '_INBOX_*.>',
    'the common inbox': '_INBOX.>',
    'events without a consumer': 'tally.>',
    advisories: '$JS.EVENT.ADVISORY.>',
    everything: '>',
  };
  test.each(Object.entries(unheard))(
    'it may not listen to %s',
    async (_, subject) => {
      const subscription = worker.subscribe(subject);
      const heard = (async () => {
        for await (const message of subscription) return message.subject;
        return undefined;
      })();
      await expect(heard).rejects.toMatchObject({ code: 'PERMISSIONS_VIOLATION' });
    },
    60_000,
  );
});
