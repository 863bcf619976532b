import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { until } from '@windlass/runtime/testing/until.ts';
import { consumers, streams } from '../api/kinds.ts';
import { followAdvisories } from './advisories.ts';
import { consumerKind } from './consumer.ts';
import type { JetStream } from './jet-stream.ts';
import { streamKind } from './stream.ts';
import { testCluster } from './testing/nats-cluster.ts';
import type { TestServer } from './testing/nats-server.ts';
import { Rig } from './testing/rig.ts';

let members: readonly TestServer[];
let rig: Rig;
let js: JetStream;
let servers: string[];
const queue: string[] = [];

beforeAll(async () => {
  members = await testCluster();
  servers = members.map(({ url }) => url);
  rig = new Rig();
  const { connections, context } = rig;
  const enqueue = (_: unknown, key: string) => queue.push(key);
  followAdvisories({ connections, cache: context.cache, enqueue });
  js = connections.open({ target: 'hand', servers, apiPrefix: '$JS.API' });
  const isUp = () =>
    js.ask('INFO').then(
      () => true,
      () => false,
    );
  await until('the cluster has a leader', isUp);
}, 120_000);
afterAll(async () => {
  await rig.close();
  await Promise.all(members.map((each) => each.remove()));
});

const isReady = ({ phase }: { readonly phase: string }) => phase === 'ready';

test('a stream is ready when all its replicas are current, also after a change', async () => {
  const spec = { name: 'GROWS', servers, subjects: ['grows.>'], storage: 'file', replicas: 1 };
  const object = rig.put(streams, 'grows', { spec });
  await rig.until(streamKind(rig.parts), object, isReady);
  const connection = await js.connection();
  await connection.jetstream().publish('grows.a', 'one');
  const grown = rig.respec(streams, object, { ...spec, replicas: 3 });
  const outcome = await rig.until(streamKind(rig.parts), grown, isReady);
  expect(outcome.status).toMatchObject({
    cluster: {
      leader: expect.stringMatching(/^n\d$/),
      replicas: [{ current: true }, { current: true }],
    },
  });
  const shrunk = rig.respec(streams, grown, spec);
  const one = await rig.until(streamKind(rig.parts), shrunk, isReady);
  expect(one.status).toMatchObject({ cluster: { replicas: [] } });
  expect(one.figures).toMatchObject({ state: { messages: 1 } });
}, 120_000);

test('more replicas than servers is a reason that time may cure', async () => {
  const spec = { name: 'MANY', servers, subjects: ['many.>'], storage: 'file', replicas: 5 };
  const failure = await rig.failure(streamKind(rig.parts), rig.put(streams, 'many', { spec }));
  expect(failure).toMatchObject({ reason: 'NoSuitablePeers', isStalled: false });
  expect(failure.message).toContain('(10005)');
}, 120_000);

test('somebody’s change of a replicated consumer is noticed, and our own is not', async () => {
  const spec = { name: 'KEPT', servers, subjects: ['kept.>'], storage: 'file', replicas: 3 };
  const parent = rig.put(streams, 'kept', { spec });
  await rig.until(streamKind(rig.parts), parent, isReady);
  const own = { streamName: 'KEPT', durableName: 'worker', servers, ackPolicy: 'explicit' };
  const object = rig.put(consumers, 'worker', { spec: own });
  await rig.until(consumerKind(rig.parts), object, isReady);
  const changed = rig.respec(consumers, object, { ...own, maxDeliver: 5 });
  await rig.until(consumerKind(rig.parts), changed, isReady);
  const { config } = await js.ask('CONSUMER.INFO.KEPT.worker');
  // The answer and the advisory come on different ways; one of our own would have come by now.
  const mark = { name: 'MARK', servers, subjects: ['mark'], storage: 'file' };
  rig.put(streams, 'mark', { spec: mark });
  const { servers: _, ...made } = mark;
  await js.ask('STREAM.CREATE.MARK', made);
  await until('the mark', () => queue.includes('shop/mark'));
  expect(queue).not.toContain('shop/worker');
  await js.ask('CONSUMER.CREATE.KEPT.worker', {
    stream_name: 'KEPT',
    config: { ...(config as object), max_deliver: 9 },
    action: 'update',
  });
  await until('it is looked at', () => queue.includes('shop/worker'));
  const repaired = await rig.until(consumerKind(rig.parts), object, isReady);
  expect(repaired.done).toEqual(['update consumer worker of stream KEPT: maxDeliver']);
}, 120_000);
