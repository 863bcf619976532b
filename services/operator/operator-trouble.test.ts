import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { loadConfig } from '@windlass/runtime/config.ts';
import { until } from '@windlass/runtime/testing/until.ts';
import { type ControlPlane, startControlPlane } from '../../test/cluster/control-plane.ts';
import type { ApiObject, KubeApi } from '../../test/cluster/kube-api.ts';
import { describeCluster } from '../../test/cluster/testing.ts';
import { withCrds } from './api/testing/installed.ts';
import { Connections } from './assets/connections.ts';
import type { JetStream } from './assets/jet-stream.ts';
import { type TestServer, testServer } from './assets/testing/nats-server.ts';
import { streamInfo } from './assets/testing/stream-info.ts';
import { loadOperatorConfig } from './config.ts';
import { type Operator, startOperator } from './operator.ts';
import { service } from './service.ts';

const minutes = 60_000;
const windlass = '/apis/windlass.dev/v1alpha1';
const silent = { logger: { info: () => {}, warn: () => {} } };

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

interface Asset extends ApiObject {
  readonly metadata: ApiObject['metadata'] & {
    readonly generation?: number;
    readonly finalizers?: readonly string[];
    readonly creationTimestamp?: string;
  };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly conditions?: readonly Condition[];
  };
}

let controlPlane: ControlPlane;
let api: KubeApi;
let operator: Operator;
let nats: TestServer;
let connections: Connections;
let jetStream: JetStream;

const path = (plural: string, name: string, namespace = 'shop') =>
  `${windlass}/namespaces/${namespace}/${plural}/${name}`;

async function apply(kind: string, name: string, spec: object, more: Partial<Asset> = {}) {
  const { namespace = 'shop', ...metadata } = { ...more.metadata, name };
  const object = { apiVersion: 'windlass.dev/v1alpha1', kind, metadata, spec };
  await api.patch(path(`${kind.toLowerCase()}s`, name, namespace), object, 'apply');
}

const stream = (name: string, spec: object = {}) => ({
  ...{ servers: [nats.url], name, subjects: [`${name}.>`], storage: 'file' },
  ...spec,
});

/** The condition Ready of the present generation, once it is so. */
async function ready(
  plural: string,
  name: string,
  expected: Partial<Condition>,
): Promise<Condition> {
  return await until(
    `${plural}/${name} is ${JSON.stringify(expected)}`,
    async () => {
      const { metadata, status } = await api.get<Asset>(path(plural, name));
      if (status?.observedGeneration !== metadata.generation) return undefined;
      const is = status?.conditions?.find(({ type }) => type === 'Ready');
      const isSo = Object.entries(expected).every(([key, value]) => Object(is)[key] === value);
      return isSo ? is : undefined;
    },
    { withinMs: 2 * minutes },
  );
}

const isReady = { status: 'True' };
const because = (reason: string) => ({ status: 'False', reason });

/** Has the object looked at now; without it, a failing one is tried again by and by. */
async function touch(plural: string, name: string): Promise<void> {
  const annotations = { 'test.windlass.dev/touched': String(performance.now()) };
  await api.patch(path(plural, name), { metadata: { annotations } }, 'merge');
}

const info = (name: string) => streamInfo(jetStream, name);

async function publish(name: string, messages: number): Promise<void> {
  for (let count = 0; count < messages; count++) await jetStream.request(`${name}.made`, { count });
}

const isGone = (where: string) =>
  until(`${where} is gone`, async () => (await api.find(where)) === undefined, {
    withinMs: minutes,
  });

async function told(line: string): Promise<boolean> {
  const response = await fetch(`http://127.0.0.1:${operator.opsPort}/metrics`);
  return (await response.text()).includes(line);
}

// It watches all namespaces: with a cluster of its own.
await describeCluster('an operator in trouble', () => {
  beforeAll(async () => {
    controlPlane = await startControlPlane();
    api = await withCrds(controlPlane);
    for (const name of ['windlass', 'shop']) {
      await api.post('/api/v1/namespaces', { metadata: { name } });
    }
    nats = await testServer();
    connections = new Connections(silent);
    jetStream = connections.open({ target: 'test', servers: [nats.url], apiPrefix: '$JS.API' });
    const env = {
      ...{ HOST: '127.0.0.1', PORT: '0', OPS_PORT: '0', LOG_LEVEL: 'silent' },
      ...{ KUBECONFIG: controlPlane.kubeconfig, EXTERNAL_METRICS: 'off' },
    };
    operator = await startOperator(loadConfig(service, env), loadOperatorConfig('operator', env));
  }, 5 * minutes);

  afterAll(async () => {
    await operator?.stop();
    await connections?.close();
    await nats?.remove();
    api?.close();
    await controlPlane?.stop();
  }, minutes);

  test(
    'waits for a NATS that is away, and finds everything as it was',
    async () => {
      await apply('Stream', 'kept', stream('KEPT'));
      const worker = { servers: [nats.url], streamName: 'KEPT', durableName: 'worker' };
      await apply('Consumer', 'kept', { ...worker, ackPolicy: 'explicit' });
      await ready('streams', 'kept', isReady);
      await ready('consumers', 'kept', isReady);
      await publish('KEPT', 3);
      const before = await info('KEPT');
      const consumer = await jetStream.ask('CONSUMER.INFO.KEPT.worker');
      await nats.stop();
      await apply('Stream', 'late', stream('LATE'));
      await touch('streams', 'kept');
      for (const name of ['late', 'kept']) {
        const { message } = await ready('streams', name, because('NATSUnreachable'));
        expect(message).toContain(nats.url);
      }
      await nats.start();
      for (const name of ['late', 'kept']) await ready('streams', name, isReady);
      await ready('consumers', 'kept', isReady);
      // The test has a connection of its own, which may come back later than the operator's.
      await jetStream.link.broker.ready();
      expect(await info('KEPT')).toMatchObject({
        created: before?.created,
        state: { messages: 3 },
      });
      const { created } = await jetStream.ask('CONSUMER.INFO.KEPT.worker');
      expect(created).toBe(consumer.created);
      const labels = 'namespace="shop",stream="KEPT"';
      await touch('streams', 'kept');
      await until('the messages are told', () =>
        told(`windlass_nats_stream_messages{${labels},service="operator"} 3`),
      );
    },
    4 * minutes,
  );

  test(
    'leaves a stream to the older one of two objects, also when the younger one is deleted',
    async () => {
      const spec = stream('ONE', { deletionPolicy: 'Delete' });
      await apply('Stream', 'older', { ...spec, maxMsgs: 100 });
      await ready('streams', 'older', isReady);
      await publish('ONE', 2);
      const { metadata } = await api.get<Asset>(path('streams', 'older'));
      const born = Date.parse(metadata.creationTimestamp ?? '');
      // Kubernetes tells ages in whole seconds.
      await until('another second has begun', async () => Date.now() >= born + 1_000);
      await apply('Stream', 'younger', { ...spec, maxMsgs: 7 });
      const { message } = await ready('streams', 'younger', because('Conflict'));
      expect(message).toContain('Stream shop/older');
      await touch('streams', 'older');
      await ready('streams', 'older', isReady);
      expect(await info('ONE')).toMatchObject({ config: { max_msgs: 100 } });
      await api.delete(path('streams', 'younger'));
      await isGone(path('streams', 'younger'));
      expect(await info('ONE')).toMatchObject({ state: { messages: 2 } });
      await api.delete(path('streams', 'older'));
      await isGone(path('streams', 'older'));
      expect(await info('ONE')).toBeUndefined();
      expect(await told('stream="ONE"')).toBe(false);
    },
    4 * minutes,
  );

  test(
    'takes over a stream that was made by hand, with what is in it',
    async () => {
      const config = { name: 'HAND', subjects: ['HAND.>'], storage: 'file', max_msgs: 50 };
      const made = await jetStream.ask('STREAM.CREATE.HAND', config);
      await publish('HAND', 4);
      await apply('Stream', 'hand', stream('HAND', { maxMsgs: 60 }));
      await ready('streams', 'hand', isReady);
      const { metadata } = await api.get<Asset>(path('streams', 'hand'));
      expect(await info('HAND')).toMatchObject({
        created: made.created,
        config: { max_msgs: 60, metadata: { 'windlass.dev/owner-uid': metadata.uid } },
        state: { messages: 4 },
      });
    },
    2 * minutes,
  );

  test(
    'says that a Secret is missing and that its password is wrong, until it is right',
    async () => {
      const guarded = await testServer('authorization { user: app, password: right }');
      try {
        const user = { secret: { name: 'login' }, user: 'user', password: 'password' };
        await apply('Account', 'guarded', { name: 'guarded', servers: [guarded.url], user });
        const spec = { account: 'guarded', name: 'GUARDED', subjects: ['guarded.>'] };
        await apply('Stream', 'guarded', { ...spec, storage: 'memory' });
        const missing = await ready('streams', 'guarded', because('SecretNotFound'));
        expect(missing.message).toContain('shop/login');
        const secrets = '/api/v1/namespaces/shop/secrets';
        const stringData = { user: 'app', password: 'wrong' };
        await api.post(secrets, { metadata: { name: 'login' }, stringData });
        const refused = await ready('streams', 'guarded', because('CredentialsRefused'));
        expect(refused.message).not.toContain('wrong');
        const right = { stringData: { password: 'right' } };
        await api.patch(`${secrets}/login`, right, 'merge');
        await ready('streams', 'guarded', isReady);
      } finally {
        await guarded.remove();
      }
    },
    4 * minutes,
  );

  test(
    'shows the code with which NATS refuses, and tries again when the cause is gone',
    async () => {
      await apply('Stream', 'first', stream('FIRST', { deletionPolicy: 'Delete' }));
      await ready('streams', 'first', isReady);
      await apply('Stream', 'second', stream('SECOND', { subjects: ['FIRST.some'] }));
      const refused = await ready('streams', 'second', because('SubjectsOverlap'));
      expect(refused.message).toContain('10065');
      expect(await info('SECOND')).toBeUndefined();
      await api.delete(path('streams', 'first'));
      await isGone(path('streams', 'first'));
      await touch('streams', 'second');
      await ready('streams', 'second', isReady);
    },
    2 * minutes,
  );

  test(
    'neither deletes nor makes anything for a namespace that does not end',
    async () => {
      const hold = 'test.windlass.dev/hold';
      const namespace = 'half';
      await api.post('/api/v1/namespaces', { metadata: { name: namespace } });
      const held = { metadata: { name: 'held', namespace, finalizers: [hold] } } as const;
      const spec = stream('HELD', { deletionPolicy: 'Delete' });
      await apply('Stream', 'held', spec, held);
      await until('its stream is made', () => info('HELD'));
      await publish('HELD', 1);
      await api.delete(`/api/v1/namespaces/${namespace}`);
      const where = path('streams', 'held', namespace);
      await until('the operator has let it go', async () => {
        const { metadata } = await api.get<Asset>(where);
        const isDeleted = metadata.deletionTimestamp !== undefined;
        return isDeleted && JSON.stringify(metadata.finalizers) === JSON.stringify([hold]);
      });
      expect(await info('HELD')).toMatchObject({ state: { messages: 1 } });
      // What goes on elsewhere does not wait for it, and nothing of it comes back.
      await jetStream.ask('STREAM.DELETE.HELD');
      await apply('Stream', 'beside', stream('BESIDE'));
      await ready('streams', 'beside', isReady);
      expect(await info('HELD')).toBeUndefined();
      await api.patch(where, { metadata: { finalizers: null } }, 'merge');
      await isGone(`/api/v1/namespaces/${namespace}`);
    },
    3 * minutes,
  );
});
