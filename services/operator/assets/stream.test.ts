import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { natsUrl } from '@windlass/local/testing.ts';
import { streams } from '../api/kinds.ts';
import type { Config } from './differences.ts';
import type { JetStream } from './jet-stream.ts';
import { streamKind } from './stream.ts';
import { Rig } from './testing/rig.ts';

let rig: Rig;
let js: JetStream;
let servers: string[];

beforeAll(async () => {
  servers = [await natsUrl()];
  rig = new Rig();
  js = rig.connections.open({ target: 'test', servers, apiPrefix: '$JS.API' });
});
afterAll(() => rig.close());

const names = (function* () {
  for (let n = 1; ; n++) yield `ASSET${n}`;
})();
const kind = () => streamKind(rig.parts);

function specOf(fields: Config = {}) {
  const name = names.next().value;
  return { name, servers, subjects: [`${name}.>`], storage: 'file', ...fields };
}

function put(spec: Config, metadata = {}) {
  return rig.put(streams, String(spec.name).toLowerCase(), { spec, metadata: metadata as never });
}

async function configOf(name: unknown): Promise<Config> {
  return (await js.ask(`STREAM.INFO.${name}`)).config as Config;
}

test('makes the stream with its stamp in two calls, and then leaves it alone', async () => {
  const spec = specOf();
  const object = put(spec);
  const before = rig.calls.length;
  const made = await rig.reconcile(kind(), object);
  expect(rig.calls.slice(before).map(({ api }) => api)).toEqual(['STREAM.INFO', 'STREAM.CREATE']);
  expect(made).toMatchObject({ phase: 'ready', done: [`create stream ${spec.name}`] });
  expect((await configOf(spec.name)).metadata).toMatchObject({
    'windlass.dev/owner': `shop/${object.metadata.name}`,
    'windlass.dev/owner-uid': object.metadata.uid,
  });
  const again = await rig.reconcile(streamKind(rig.parts), object);
  expect(again).toMatchObject({ phase: 'ready', done: [] });
  expect(again.conditions).toMatchObject([{ type: 'ConfigHonored', status: 'True' }]);
  expect(again.figures).toMatchObject({ state: { messages: 0, consumers: 0 } });
});

const fields: Config = {
  description: 'what it is for',
  retention: 'interest',
  maxConsumers: 7,
  maxMsgs: 1_000,
  maxBytes: '10Mi',
  maxMsgsPerSubject: 3,
  maxMsgSize: 1_024,
  maxAge: '1h30m',
  discard: 'new',
  noAck: true,
  duplicateWindow: '30s',
  sources: [
    {
      name: 'ELSEWHERE',
      optStartSeq: 5,
      subjectTransforms: [{ source: 'a.>', dest: 'b.>' }],
    },
  ],
  compression: 's2',
  firstSequence: 0,
  subjectTransform: { source: 'x.*', dest: 'y.{{wildcard(1)}}' },
  republish: { source: '', destination: 'again.>', headersOnly: true },
  allowDirect: true,
  denyDelete: true,
  denyPurge: true,
  allowRollup: true,
  allowMsgTtl: true,
  subjectDeleteMarkerTtl: '10s',
  allowAtomicPublish: true,
  allowBatchPublish: true,
  allowMsgSchedules: true,
  consumerLimits: { inactiveThreshold: '1h', maxAckPending: 99 },
  metadata: { team: 'orders' },
};
const alone = ['denyPurge', 'discard', 'sources'];
/** The server has no way back from these. */
const oneWay = new Set(['denyDelete', 'denyPurge', 'allowMsgTtl', 'allowMsgSchedules']);

test.each(Object.keys(fields))('%s comes back as it was sent', async (field) => {
  const object = put(specOf({ [field]: fields[field] }));
  expect(await rig.reconcile(kind(), object)).toMatchObject({ phase: 'ready' });
});

test('all fields at once come back as they were sent', async () => {
  const together = Object.entries(fields).filter(([field]) => !alone.includes(field));
  const object = put(specOf(Object.fromEntries(together)));
  expect(await rig.reconcile(kind(), object)).toMatchObject({ phase: 'ready' });
});

test.each(Object.keys(fields).filter((field) => !oneWay.has(field)))(
  '%s is cleared when it is taken out of the spec',
  async (field) => {
    const spec = specOf();
    const object = put({ ...spec, [field]: fields[field] });
    await rig.reconcile(kind(), object);
    const changed = rig.respec(streams, object, spec);
    expect(await rig.reconcile(kind(), changed)).toMatchObject({ phase: 'ready' });
    const fresh = await rig.reconcile(streamKind(rig.parts), changed);
    expect(fresh).toMatchObject({ phase: 'ready', done: [] });
  },
);

const drifts: Config = {
  description: 'by hand',
  subjects: ['elsewhere.>'],
  retention: 'interest',
  max_consumers: 3,
  max_msgs: 3,
  max_bytes: 1_048_576,
  max_age: 3_600_000_000_000,
  max_msgs_per_subject: 3,
  max_msg_size: 100,
  discard: 'new',
  no_ack: true,
  duplicate_window: 1_000_000_000,
  sources: [{ name: 'BY_HAND' }],
  compression: 's2',
  subject_transform: { src: 'a', dest: 'b' },
  republish: { src: '>', dest: 'by.hand.>' },
  allow_direct: true,
  allow_rollup_hdrs: true,
  allow_atomic: true,
  allow_batched: true,
  consumer_limits: { max_ack_pending: 3 },
  metadata: { 'windlass.dev/owner': 'nobody/else' },
};

test.each(Object.keys(drifts))('%s that somebody has changed is changed back', async (field) => {
  const spec = specOf();
  const object = put(spec);
  await rig.reconcile(kind(), object);
  const wanted = await configOf(spec.name);
  const changed = { ...wanted, [field]: drifts[field] };
  if (field === 'subjects') changed[field] = [`elsewhere.${spec.name}`];
  await js.ask(`STREAM.UPDATE.${spec.name}`, changed);
  const repaired = await rig.reconcile(kind(), object);
  expect(repaired.phase).toBe('ready');
  expect(repaired.done).toHaveLength(1);
  expect(await configOf(spec.name)).toEqual(wanted);
});

test('a stream that somebody has deleted is made again, and that is an event', async () => {
  const spec = specOf();
  const object = put(spec);
  await rig.reconcile(kind(), object);
  await js.ask(`STREAM.DELETE.${spec.name}`);
  const count = rig.repairs.length;
  expect(await rig.reconcile(streamKind(rig.parts), object)).toMatchObject({ phase: 'ready' });
  expect(rig.repairs.slice(count)).toEqual(['Stream']);
  expect(rig.events.at(-1)).toContain('DriftRepaired');
});

test('firstSequence is used once, and a stream that starts elsewhere stays as it is', async () => {
  const spec = specOf({ firstSequence: 100 });
  const object = put(spec);
  expect(await rig.reconcile(kind(), object)).toMatchObject({ phase: 'ready' });
  expect(await configOf(spec.name)).toMatchObject({ first_seq: 100 });
  const other = rig.respec(streams, object, { ...spec, firstSequence: 200 });
  const stalled = await rig.reconcile(kind(), other);
  expect(stalled).toMatchObject({ phase: 'stalled', reason: 'ImmutableField', done: [] });
  expect(stalled.message).toContain('firstSequence');
});

test.each([
  ['storage', { storage: 'memory' }],
  ['retention', { retention: 'workqueue' }],
  ['mirror', { subjects: undefined, mirror: { name: 'ORIGIN' } }],
  ['allowMsgCounter', { allowMsgCounter: true }],
  ['persistMode', { persistMode: 'async' }],
])('%s that differs on the server is named, and nothing is done', async (field, change) => {
  const spec = specOf();
  const object = put(spec);
  await rig.reconcile(kind(), object);
  const changed = rig.respec(streams, object, { ...spec, ...change });
  const outcome = await rig.reconcile(kind(), changed);
  expect(outcome).toMatchObject({ phase: 'stalled', reason: 'ImmutableField', done: [] });
  expect(outcome.message).toContain(field);
});

test('a mirror is made, and becomes a stream of its own when the mirror is taken out', async () => {
  const origin = specOf();
  await rig.reconcile(kind(), put(origin));
  const spec = specOf({ subjects: undefined, mirror: { name: origin.name } });
  const object = put(spec);
  expect(await rig.reconcile(kind(), object)).toMatchObject({ phase: 'ready' });
  const promoted = { ...spec, mirror: undefined, subjects: [`promoted.${spec.name}`] };
  const changed = rig.respec(streams, object, promoted);
  expect(await rig.reconcile(kind(), changed)).toMatchObject({ phase: 'ready' });
  expect((await configOf(spec.name)).mirror).toBeUndefined();
});

test('a refusal names the reason and the code of the server', async () => {
  const first = specOf();
  await rig.reconcile(kind(), put(first));
  const overlapping = put(specOf({ subjects: first.subjects }));
  expect(await rig.failure(kind(), overlapping)).toMatchObject({
    reason: 'SubjectsOverlap',
    isStalled: false,
    message: expect.stringContaining('(10065)'),
  });
  expect(await rig.failure(kind(), put(specOf({ replicas: 3 })))).toMatchObject({
    reason: 'ReplicasNotSupported',
    isStalled: true,
  });
  expect(await rig.failure(kind(), put(specOf({ subjects: ['a..b'] })))).toMatchObject({
    reason: 'InvalidSpec',
  });
});

test('what the server makes something else of is named, and it is not asked again', async () => {
  const { name } = specOf();
  const subjects = [`${name}.>`];
  // All is published again under the subject that the transform makes: so says the server.
  const spec = specOf({
    subjects,
    subjectTransform: { source: `${name}.>`, dest: `to.${name}.>` },
    republish: { source: '>', destination: '>' },
  });
  const object = put(spec);
  const same = kind();
  const outcome = await rig.reconcile(same, object);
  expect(outcome).toMatchObject({ phase: 'stalled', reason: 'ConfigNotHonored' });
  expect(outcome.status).toMatchObject({ notHonored: ['republish'] });
  expect(outcome.conditions).toMatchObject([
    { type: 'ConfigHonored', status: 'False', reason: 'DroppedByServer' },
  ]);
  expect(await rig.reconcile(same, object)).toMatchObject({ phase: 'stalled', done: [] });
  await js.ask(`STREAM.UPDATE.${spec.name}`, { ...(await configOf(spec.name)), max_msgs: 3 });
  expect((await rig.reconcile(same, object)).done).toEqual([`update stream ${spec.name}: maxMsgs`]);
});
