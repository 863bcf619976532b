import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { natsUrl } from '@windlass/local/testing.ts';
import { consumers, streams } from '../api/kinds.ts';
import { consumerKind } from './consumer.ts';
import type { Config } from './differences.ts';
import type { JetStream } from './jet-stream.ts';
import { streamKind } from './stream.ts';
import { Rig } from './testing/rig.ts';

const stream = 'CONSUMED';
let rig: Rig;
let js: JetStream;
let servers: string[];

beforeAll(async () => {
  servers = [await natsUrl()];
  rig = new Rig();
  js = rig.connections.open({ target: 'test', servers, apiPrefix: '$JS.API' });
  const subjects = [`${stream}.>`];
  await js.ask(`STREAM.CREATE.${stream}`, { name: stream, subjects, retention: 'limits' });
});
afterAll(async () => {
  await js.ask(`STREAM.DELETE.${stream}`);
  await rig.close();
});

const kind = () => consumerKind(rig.parts);
let count = 0;

function specOf(fields: Config = {}) {
  count += 1;
  const durableName = `worker${count}`;
  return { streamName: stream, durableName, servers, ackPolicy: 'explicit', ...fields };
}

function put(spec: Config) {
  return rig.put(consumers, String(spec.durableName), { spec });
}

async function configOf(spec: Config): Promise<Config> {
  const info = await js.ask(`CONSUMER.INFO.${spec.streamName}.${spec.durableName}`);
  return info.config as Config;
}

test('makes the consumer with its stamp in two calls, and then leaves it alone', async () => {
  const spec = specOf();
  const object = put(spec);
  const before = rig.calls.length;
  expect(await rig.reconcile(kind(), object)).toMatchObject({ phase: 'ready' });
  expect(rig.calls.slice(before).map(({ api }) => api)).toEqual([
    'CONSUMER.INFO',
    'CONSUMER.CREATE',
  ]);
  const again = await rig.reconcile(kind(), object);
  expect(again).toMatchObject({ phase: 'ready', done: [] });
  expect(again.figures).toMatchObject({ pending: 0, ackPending: 0, lag: 0, waiting: 0 });
  expect(await configOf(spec)).toMatchObject({
    metadata: { 'windlass.dev/owner-uid': object.metadata.uid },
  });
});

const mutable: Config = {
  description: 'what it is for',
  ackWait: '1m30s',
  maxDeliver: 5,
  backoff: ['1s', '5s', '1m'],
  filterSubject: `${stream}.one`,
  filterSubjects: [`${stream}.one`, `${stream}.two`],
  sampleFreq: '30%',
  maxAckPending: 17,
  headersOnly: true,
  maxRequestBatch: 11,
  maxRequestExpires: '20s',
  maxRequestMaxBytes: '1Mi',
  inactiveThreshold: '48h',
  replicas: 1,
  metadata: { team: 'orders' },
  pauseUntil: '2099-01-01T00:00:00Z',
};
const fixed: Config = {
  deliverPolicy: 'new',
  replayPolicy: 'original',
  maxWaiting: 7,
  memStorage: true,
};
const together: Readonly<Record<string, Config>> = {
  startSequence: { deliverPolicy: 'byStartSequence', optStartSeq: 3 },
  startTime: { deliverPolicy: 'byStartTime', optStartTime: '2026-01-02T03:04:05+01:00' },
  lastPerSubject: { deliverPolicy: 'lastPerSubject', filterSubject: `${stream}.>` },
  unacknowledged: { ackPolicy: 'none' },
  'a single filter in the list': { filterSubjects: [`${stream}.only`] },
  overflow: { priorityPolicy: 'overflow', priorityGroups: ['g'] },
  pinned: { priorityPolicy: 'pinned_client', priorityGroups: ['g'] },
  'pinned for a while': {
    priorityPolicy: 'pinned_client',
    priorityGroups: ['g'],
    pinnedTtl: '30s',
  },
  push: {
    deliverSubject: 'to.worker',
    deliverGroup: 'workers',
    flowControl: true,
    heartbeatInterval: '5s',
    rateLimitBps: 1_000_000,
  },
};

test.each(Object.entries({ ...mutable, ...fixed }))(
  '%s comes back as it was sent',
  async (field, value) => {
    const object = put(specOf({ [field]: value }));
    expect(await rig.reconcile(kind(), object)).toMatchObject({ phase: 'ready' });
    expect((await rig.reconcile(kind(), object)).done).toEqual([]);
  },
);

test.each(Object.entries(together))('%s comes back as it was sent', async (_, fields) => {
  const object = put(specOf(fields));
  expect(await rig.reconcile(kind(), object)).toMatchObject({ phase: 'ready' });
  expect((await rig.reconcile(kind(), object)).done).toEqual([]);
});

test.each(Object.entries(mutable))(
  '%s is cleared when it is taken out of the spec',
  async (field, value) => {
    const spec = specOf();
    const object = put({ ...spec, [field]: value });
    await rig.reconcile(kind(), object);
    const changed = rig.respec(consumers, object, spec);
    expect(await rig.reconcile(kind(), changed)).toMatchObject({ phase: 'ready' });
    expect((await rig.reconcile(kind(), changed)).done).toEqual([]);
  },
);

test.each([
  ['description', 'by hand'],
  ['ack_wait', 1_000_000_000],
  ['max_deliver', 3],
  ['filter_subject', `${stream}.hand`],
  ['max_ack_pending', 5],
  ['headers_only', true],
  ['inactive_threshold', 3_600_000_000_000],
  ['metadata', {}],
])('%s that somebody has changed is changed back', async (field, value) => {
  const spec = specOf();
  const object = put(spec);
  await rig.reconcile(kind(), object);
  const wanted = await configOf(spec);
  const config = { ...wanted, [field]: value };
  const api = `CONSUMER.CREATE.${stream}.${spec.durableName}`;
  await js.ask(api, { stream_name: stream, config, action: 'update' });
  expect((await rig.reconcile(kind(), object)).done).toHaveLength(1);
  expect(await configOf(spec)).toEqual(wanted);
});

test.each([
  ['deliverPolicy', { deliverPolicy: 'new' }],
  ['ackPolicy', { ackPolicy: 'all' }],
  ['replayPolicy', { replayPolicy: 'original' }],
  ['maxWaiting', { maxWaiting: 3 }],
  ['memStorage', { memStorage: true }],
  ['deliverSubject', { deliverSubject: 'to.worker' }],
])('%s that differs on the server is named, and nothing is done', async (field, change) => {
  const spec = specOf();
  const object = put(spec);
  await rig.reconcile(kind(), object);
  const changed = rig.respec(consumers, object, { ...spec, ...change });
  const outcome = await rig.reconcile(kind(), changed);
  expect(outcome).toMatchObject({ phase: 'stalled', reason: 'ImmutableField', done: [] });
  expect(outcome.message).toContain(field);
});

test('waits for a stream that is not there, and asks again', async () => {
  const object = put(specOf({ streamName: 'NOT_THERE_YET' }));
  const outcome = await rig.reconcile(kind(), object);
  expect(outcome).toMatchObject({ phase: 'progressing', reason: 'StreamNotFound' });
  expect(outcome.requeueAfterMs).toBeGreaterThan(0);
});

test('asks nothing of the server while the object of its stream is not ready', async () => {
  const name = 'CONSUMED_LATER';
  const spec = {
    name,
    servers,
    subjects: [`${name}.>`],
    storage: 'file',
    deletionPolicy: 'Delete',
  };
  const parent = rig.put(streams, 'later', { spec });
  const object = put(specOf({ streamName: name }));
  const before = rig.calls.length;
  const waiting = await rig.reconcile(kind(), object);
  expect(waiting).toMatchObject({ phase: 'progressing', reason: 'StreamNotFound' });
  expect(waiting.message).toContain('Stream shop/later');
  expect(rig.calls).toHaveLength(before);
  const [, ofStreams] = kind().watches.filter(({ resource }) => resource === streams);
  const watch = ofStreams ?? kind().watches.find(({ resource }) => resource === streams);
  expect(watch?.keysOf(parent, rig.context.cache)).toEqual([`shop/${object.metadata.name}`]);
  await rig.reconcile(streamKind(rig.parts), parent);
  expect(await rig.reconcile(kind(), object)).toMatchObject({ phase: 'ready' });
  const gone = rig.markDeleted(streams, parent);
  expect(await rig.reconcile(streamKind(rig.parts), gone)).toMatchObject({ isReleased: true });
});

test('a consumer that is deleted with its object takes its stream along in no case', async () => {
  const object = put(specOf({ deletionPolicy: 'Delete' }));
  expect(kind().needsFinalizer(object)).toBe(true);
  await rig.reconcile(kind(), object);
  const deleted = rig.markDeleted(consumers, object);
  const outcome = await rig.reconcile(kind(), deleted);
  expect(outcome).toMatchObject({ isReleased: true, done: [expect.stringMatching(/^delete/)] });
  expect(await js.ask(`STREAM.INFO.${stream}`)).toMatchObject({ config: { name: stream } });
});
