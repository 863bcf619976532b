import { randomInt } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Broker } from '@windlass/runtime/broker/connection.ts';
import { newUserKey } from '@windlass/runtime/broker/nkeys.ts';
import { pods, secrets } from '../api/core.ts';
import { natsClusters, natsUsers } from '../api/kinds.ts';
import { type ConfiguredServer, startConfiguredServer } from './testing/configured-server.ts';
import { UserRig } from './testing/user-rig.ts';

const operator = newUserKey();
/** The operator finds servers by the addresses of their pods, on the one port of clients. */
const host =
  process.platform === 'linux' ? `127.${randomInt(1, 250)}.${randomInt(250)}.9` : '127.0.0.1';
const hourMs = 3_600_000;
let server: ConfiguredServer;
let rig: UserRig;

beforeAll(async () => {
  server = await startConfiguredServer(accounts([]), { host, port: 4222 });
}, 60_000);
afterAll(() => server?.stop(), 60_000);

beforeEach(() => {
  rig = new UserRig();
  rig.put(natsClusters, 'nats', { spec: { tls: { mode: 'Disabled' } } });
  rig.put(pods, 'nats-0', {
    metadata: { name: 'nats-0', labels: { 'windlass.dev/cluster': 'nats' } },
    status: { phase: 'Running', podIP: host },
  });
  const seed = Buffer.from(operator.seed).toString('base64');
  rig.put(secrets, 'nats-operator', { data: { 'account.APP.seed': seed } });
  putUser();
});
const brokers: Broker[] = [];
afterEach(async () => {
  await Promise.all(brokers.splice(0).map((broker) => broker.close()));
});

function putUser(spec = {}, annotations = {}): void {
  const before = rig.get(natsUsers, 'order');
  const { uid } = before?.metadata ?? {};
  rig.put(natsUsers, 'order', {
    ...(before?.status === undefined ? {} : { status: before.status }),
    metadata: { name: 'order', annotations, ...(uid === undefined ? {} : { uid }) },
    spec: { clusterRef: { name: 'nats' }, role: { publishes: ['a'] }, ...spec },
  });
}

function accounts(publicKeys: readonly string[]): string {
  const users = [operator.publicKey, ...publicKeys].map((nkey) => ({ nkey }));
  return `accounts { APP { jetstream: enabled, users: ${JSON.stringify(users)} } }`;
}

/** What the cluster does with the keys of its users. */
const load = () => server.reload(accounts(published()));
function published(): string[] {
  const status = rig.get(natsUsers, 'order')?.status as { publicKeys?: string[] } | undefined;
  return status?.publicKeys ?? [];
}
function inSecret(key: string): string {
  const data = rig.get(secrets, 'order')?.data as Record<string, string> | undefined;
  return Buffer.from(data?.[key] ?? '', 'base64').toString();
}
/** As a program of the user; it tries again for as long as a service would. */
function connecting(seed: string): Broker {
  const broker = new Broker({
    name: 'order',
    servers: [server.url],
    credentials: async () => ({ kind: 'nkey', seed }),
    logger: { info: () => {}, warn: () => {} },
  });
  brokers.push(broker);
  broker.start();
  return broker;
}
const connects = (seed: string) => connecting(seed).ready();
/** A busy server may refuse a key once for being slow. */
async function untilReady() {
  const deadline = performance.now() + 60_000;
  for (const done: string[] = []; ; ) {
    const plan = await rig.reconcile('order');
    done.push(...plan.done);
    if (plan.phase === 'ready') return { ...plan, done };
    if (performance.now() > deadline) throw new Error(`not ready: ${plan.message}`);
  }
}

describe('a user', () => {
  test('has its key in a Secret at once, and is ready when the servers accept it', async () => {
    const first = await rig.reconcile('order');
    expect(first).toMatchObject({ done: ['create'], phase: 'progressing' });
    expect(first.reason).toBe('KeyNotAccepted');
    expect(published()).toEqual([inSecret('nkey.public')]);
    await load();
    expect((await untilReady()).done).toEqual([]);
    await connects(inSecret('nkey.seed'));
    expect(inSecret('url')).toBe('nats://nats.shop.svc:4222');
    expect(inSecret('account')).toBe('APP');
    expect(inSecret('inbox-prefix')).toBe('_INBOX_order');
    expect(rig.get(secrets, 'order')?.metadata.ownerReferences).toMatchObject([
      { kind: 'NatsUser', name: 'order', controller: true },
    ]);
  }, 120_000);

  test('gets its next key only when the servers accept it, and the old one overlaps', async () => {
    await rig.reconcile('order');
    const old = inSecret('nkey.seed');
    putUser({}, { 'windlass.dev/rotate': '1' });
    const waiting = await rig.reconcile('order');
    expect(waiting).toMatchObject({ done: ['add-next'], reason: 'KeyNotAccepted' });
    expect(inSecret('nkey.seed')).toBe(old);
    expect(published()).toHaveLength(2);

    await load();
    const rotated = await untilReady();
    expect(rotated.done).toEqual(['promote']);
    const next = inSecret('nkey.seed');
    expect(next).not.toBe(old);
    await Promise.all([connects(old), connects(next)]);
    expect(rotated.requeueAfterMs).toBe(hourMs);

    rig.now += hourMs;
    expect((await rig.reconcile('order')).done).toEqual(['write']);
    expect(published()).toEqual([inSecret('nkey.public')]);
    await load();
    expect(await connecting(old).readyWithin(60_000)).toMatchObject({ kind: 'refused' });
    await connects(next);
  }, 120_000);

  test('gets another key when its Secret was deleted, and the old one overlaps', async () => {
    await rig.reconcile('order');
    const old = inSecret('nkey.seed');
    rig.remove(secrets, 'order');
    expect((await rig.reconcile('order')).done).toEqual(['create']);
    expect(inSecret('nkey.seed')).not.toBe(old);
    await load();
    expect((await untilReady()).done).toEqual([]);
    await Promise.all([connects(old), connects(inSecret('nkey.seed'))]);
  }, 120_000);

  const foreign = newUserKey().seed;
  test.each(['', 'nonsense', foreign])(
    'gets another key when its seed was spoilt',
    async (seed) => {
      await rig.reconcile('order');
      const old = { seed: inSecret('nkey.seed'), keys: published() };
      const stored = rig.get(secrets, 'order');
      const data = {
        ...(stored?.data as object),
        'nkey.seed': Buffer.from(seed).toString('base64'),
      };
      rig.put(secrets, 'order', { ...stored, data });
      expect((await rig.reconcile('order')).done).toEqual(['replace']);
      expect(rig.events).toContain('KeyReplaced');
      expect(inSecret('nkey.seed')).not.toBe(old.seed);
      expect(published()).toEqual([inSecret('nkey.public'), ...old.keys]);
    },
    120_000,
  );

  test('has what else was edited in its Secret repaired, with the key it has', async () => {
    await rig.reconcile('order');
    const old = inSecret('nkey.seed');
    const stored = rig.get(secrets, 'order');
    const url = Buffer.from('nats://elsewhere').toString('base64');
    rig.put(secrets, 'order', { ...stored, data: { ...(stored?.data as object), url } });
    expect((await rig.reconcile('order')).done).toEqual(['write']);
    expect(inSecret('url')).toBe('nats://nats.shop.svc:4222');
    expect(inSecret('nkey.seed')).toBe(old);
  }, 120_000);

  test('does not touch a Secret that is not its own', async () => {
    const data = { mine: 'AAAA' };
    const mine = rig.put(secrets, 'order', { data });
    const plan = await rig.reconcile('order');
    expect(plan).toMatchObject({ done: [], phase: 'stalled', reason: 'SecretNotOurs' });
    expect(rig.get(secrets, 'order')).toEqual(mine);
  });

  test('tells no seed in its status, its events or the log', async () => {
    await rig.reconcile('order');
    const told = JSON.stringify([rig.get(natsUsers, 'order'), rig.events, rig.lines]);
    expect(told).not.toContain(inSecret('nkey.seed'));
  }, 120_000);
});

describe('a user without a place', () => {
  const stalled: Readonly<Record<string, [object, string]>> = {
    'is stalled when the account is not there': [
      { clusterRef: { name: 'nats', account: 'OTHER' } },
      'AccountNotFound',
    ],
    'is stalled when it wants the account of the operator': [
      { clusterRef: { name: 'nats', account: 'SYS' } },
      'AccountNotFound',
    ],
  };
  test.each(Object.entries(stalled))('%s', async (_, [spec, reason]) => {
    putUser(spec);
    expect(await rig.reconcile('order')).toMatchObject({ done: [], phase: 'stalled', reason });
    expect(rig.get(secrets, 'order')).toBeUndefined();
  });

  test('is stalled when the cluster does not allow its namespace', async () => {
    rig.put(natsClusters, 'far', {
      metadata: { name: 'far', namespace: 'other' },
      spec: { tls: { mode: 'Disabled' } },
    });
    putUser({ clusterRef: { name: 'far', namespace: 'other' } });
    const plan = await rig.reconcile('order');
    expect(plan).toMatchObject({ phase: 'stalled', reason: 'NamespaceNotAllowed' });
    expect(published()).toEqual([]);
  });

  test('keeps its keys while its cluster cannot be seen', async () => {
    await rig.reconcile('order');
    const keys = published();
    rig.remove(natsClusters, 'nats');
    const plan = await rig.reconcile('order');
    expect(plan).toMatchObject({ phase: 'progressing', reason: 'ClusterNotFound' });
    expect(published()).toEqual(keys);
  }, 120_000);

  test('waits while no server can be asked', async () => {
    rig.remove(pods, 'nats-0');
    const plan = await rig.reconcile('order');
    expect(plan).toMatchObject({ phase: 'progressing', reason: 'NATSUnreachable' });
    expect(published()).toHaveLength(1);
  });
});
