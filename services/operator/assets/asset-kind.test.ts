import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { natsUrl } from '@windlass/local/testing.ts';
import { namespaces } from '../api/core.ts';
import { keyValues, natsClusters, streams } from '../api/kinds.ts';
import type { Config } from './differences.ts';
import type { JetStream } from './jet-stream.ts';
import { keyValueKind } from './key-value.ts';
import { streamKind } from './stream.ts';
import { Rig } from './testing/rig.ts';
import { streamInfo } from './testing/stream-info.ts';

let rig: Rig;
let js: JetStream;
let servers: string[];

beforeAll(async () => {
  servers = [await natsUrl()];
  rig = new Rig();
  js = rig.connections.open({ target: 'test', servers, apiPrefix: '$JS.API' });
});
afterAll(() => rig.close());

const kind = () => streamKind(rig.parts);
let count = 0;

function specOf(fields: Config = {}) {
  count += 1;
  const name = `OWNED${count}`;
  return { name, servers, subjects: [`${name}.>`], storage: 'file', ...fields };
}

function put(spec: Config, annotations: Readonly<Record<string, string>> = {}, name?: string) {
  const metadata = { name: name ?? String(spec.name).toLowerCase(), annotations };
  return rig.put(streams, metadata.name, { spec, metadata });
}

async function byHand(spec: Config, config: Config = {}) {
  const { name, subjects } = spec;
  await js.ask(`STREAM.CREATE.${name}`, { name, subjects, storage: 'file', ...config });
}

async function configOf(spec: Config): Promise<Config> {
  return (await js.ask(`STREAM.INFO.${spec.name}`)).config as Config;
}

const isThere = async (spec: Config) => (await streamInfo(js, String(spec.name))) !== undefined;

test('a stream that belongs to nobody is adopted', async () => {
  const spec = specOf();
  await byHand(spec, { max_msgs: 3 });
  const object = put(spec);
  const outcome = await rig.reconcile(kind(), object);
  expect(outcome).toMatchObject({ phase: 'ready', done: [expect.stringContaining('update')] });
  expect(await configOf(spec)).toMatchObject({
    max_msgs: -1,
    metadata: { 'windlass.dev/owner-uid': object.metadata.uid },
  });
});

test('a stream that was there is left alone when it is never to be adopted', async () => {
  const spec = specOf();
  await byHand(spec, { max_msgs: 3 });
  const object = put(spec, { 'windlass.dev/adopt': 'never' });
  const outcome = await rig.reconcile(kind(), object);
  expect(outcome).toMatchObject({ phase: 'stalled', reason: 'NotAdopted', done: [] });
  expect(await configOf(spec)).toMatchObject({ max_msgs: 3 });
});

test('an object that was made anew takes over the stream that it kept', async () => {
  const spec = specOf();
  const first = put(spec);
  await rig.reconcile(kind(), first);
  rig.remove(streams, `shop/${first.metadata.name}`);
  const second = put(spec);
  expect(await rig.reconcile(kind(), second)).toMatchObject({ phase: 'ready' });
  expect(await configOf(spec)).toMatchObject({
    metadata: { 'windlass.dev/owner-uid': second.metadata.uid },
  });
});

test('what another cluster has taken over is left to it, unless it is to be forced', async () => {
  const spec = specOf();
  const object = put(spec);
  await rig.reconcile(kind(), object);
  const config = await configOf(spec);
  const metadata = { 'windlass.dev/owner': 'far/away', 'windlass.dev/owner-uid': 'unknown' };
  await js.ask(`STREAM.UPDATE.${spec.name}`, { ...config, metadata });
  expect(await rig.reconcile(kind(), object)).toMatchObject({
    phase: 'stalled',
    reason: 'NotAdopted',
    message: expect.stringContaining('far/away'),
  });
  await rig.reconcile(kind(), put(spec, { 'windlass.dev/adopt': 'force' }));
  expect(await configOf(spec)).not.toMatchObject({ metadata });
});

test('of two objects the older one wins, and the other one names it', async () => {
  const spec = specOf({ deletionPolicy: 'Delete' });
  const older = put(spec, {}, 'zebra');
  const younger = put({ ...spec, description: 'of the younger' }, {}, 'ant');
  // The younger one comes first here, and must wait all the same.
  const lost = await rig.reconcile(kind(), younger);
  expect(lost).toMatchObject({ phase: 'stalled', reason: 'Conflict', done: [] });
  expect(lost.message).toContain('Stream shop/zebra');
  expect(lost.status).toEqual({ ownedBy: 'Stream shop/zebra' });
  await rig.reconcile(kind(), older);
  await rig.reconcile(kind(), younger);
  expect((await configOf(spec)).description).toBeUndefined();

  const leaving = rig.markDeleted(streams, younger);
  const released = await rig.reconcile(kind(), leaving);
  expect(released).toMatchObject({ isReleased: true, done: [] });
  expect(await isThere(spec)).toBe(true);
});

test('the younger one takes over when the older one goes, and nothing is lost', async () => {
  const spec = specOf({ deletionPolicy: 'Delete' });
  const older = put(spec, {}, 'one');
  const younger = put(spec, {}, 'two');
  await rig.reconcile(kind(), older);
  const watch = kind().watches.find(({ resource }) => resource === streams);
  expect(watch?.keysOf(older, rig.context.cache)).toEqual(['shop/two']);
  const leaving = rig.markDeleted(streams, older);
  expect(await rig.reconcile(kind(), leaving)).toMatchObject({ isReleased: true, done: [] });
  expect(await rig.reconcile(kind(), younger)).toMatchObject({ phase: 'ready' });
  expect(await configOf(spec)).toMatchObject({
    metadata: { 'windlass.dev/owner-uid': younger.metadata.uid },
  });
});

test('a bucket and a stream of the same name are rivals as well', async () => {
  const bucket = rig.put(keyValues, 'both', { spec: { bucket: 'both', servers } });
  await rig.reconcile(keyValueKind(rig.parts), bucket);
  const object = put({ ...specOf(), name: 'KV_both', subjects: ['$KV.both.>'] });
  const outcome = await rig.reconcile(kind(), object);
  expect(outcome).toMatchObject({ reason: 'Conflict', done: [] });
  expect(outcome.message).toContain('KeyValue shop/both');
});

test('one stream that is named by two addresses of its server has one owner', async () => {
  const spec = specOf();
  const older = put(spec, {}, 'by-address');
  const [address = ''] = servers;
  const other = [address.replace('127.0.0.1', 'localhost')];
  const younger = put({ ...spec, servers: other }, {}, 'by-name');
  await rig.reconcile(kind(), older);
  expect(await rig.reconcile(kind(), younger)).toMatchObject({ reason: 'Conflict' });
});

test('objects of one name in two targets are none of each other’s business', async () => {
  const spec = specOf();
  put({ ...spec, servers: ['nats://other.example:4222'] }, {}, 'elsewhere');
  expect(await rig.reconcile(kind(), put(spec))).toMatchObject({ phase: 'ready' });
});

test.each([
  ['Retain', {}, true],
  ['Delete', { deletionPolicy: 'Delete' }, false],
  ['Delete with preventDelete', { deletionPolicy: 'Delete', preventDelete: true }, true],
  ['DeleteIfEmpty of an empty one', { deletionPolicy: 'DeleteIfEmpty' }, false],
])('%s', async (_, policy, stays) => {
  const spec = specOf(policy);
  const object = put(spec);
  await rig.reconcile(kind(), object);
  expect(kind().needsFinalizer(object)).toBe(!stays);
  const deleted = rig.markDeleted(streams, object);
  expect(await rig.reconcile(kind(), deleted)).toMatchObject({ isReleased: true });
  expect(await isThere(spec)).toBe(stays);
});

test('DeleteIfEmpty refuses while there are messages', async () => {
  const spec = specOf({ deletionPolicy: 'DeleteIfEmpty' });
  const object = put(spec);
  await rig.reconcile(kind(), object);
  const connection = await js.connection();
  await connection.jetstream().publish(`${spec.name}.a`, 'kept');
  const deleted = rig.markDeleted(streams, object);
  const refused = await rig.reconcile(streamKind(rig.parts), deleted);
  expect(refused).toMatchObject({ phase: 'stalled', reason: 'NotEmpty', done: [] });
  expect(refused.isReleased).toBeUndefined();
  await js.ask(`STREAM.PURGE.${spec.name}`);
  expect(await rig.reconcile(streamKind(rig.parts), deleted)).toMatchObject({ isReleased: true });
  expect(await isThere(spec)).toBe(false);
});

test('only a stream with the own stamp is deleted', async () => {
  const spec = specOf({ deletionPolicy: 'Delete' });
  await byHand(spec);
  const deleted = rig.markDeleted(streams, put(spec));
  const outcome = await rig.reconcile(kind(), deleted);
  expect(outcome).toMatchObject({ isReleased: true, done: [] });
  expect(await isThere(spec)).toBe(true);
});

test('nothing is deleted while the namespace goes', async () => {
  const spec = specOf({ deletionPolicy: 'Delete' });
  const object = put(spec);
  await rig.reconcile(kind(), object);
  const deletionTimestamp = new Date().toISOString();
  const going = rig.put(namespaces, 'shop', { metadata: { name: 'shop', deletionTimestamp } });
  const deleted = rig.markDeleted(streams, object);
  const watch = kind().watches.find(({ resource }) => resource === namespaces);
  expect(watch?.keysOf(going, rig.context.cache)).toContain(`shop/${object.metadata.name}`);
  const outcome = await rig.reconcile(kind(), deleted);
  rig.remove(namespaces, 'shop');
  expect(outcome).toMatchObject({ isReleased: true, done: [] });
  expect(await isThere(spec)).toBe(true);
});

test.each(['gone', 'going'])('nothing is deleted when the cluster is %s', async (how) => {
  const { servers: _, ...spec } = specOf({
    deletionPolicy: 'Delete',
    clusterRef: { name: 'nats' },
  });
  if (how === 'going') {
    const deletionTimestamp = new Date().toISOString();
    rig.put(natsClusters, 'nats', {
      spec: {},
      metadata: { name: 'nats', deletionTimestamp },
    });
  }
  const deleted = rig.markDeleted(streams, put(spec));
  expect(await rig.reconcile(kind(), deleted)).toMatchObject({ isReleased: true, done: [] });
});

test('preventUpdate creates, then leaves what differs and names it', async () => {
  const spec = specOf({ preventUpdate: true });
  const object = put(spec);
  expect(await rig.reconcile(kind(), object)).toMatchObject({ phase: 'ready' });
  const changed = rig.respec(streams, object, { ...spec, maxMsgs: 7 });
  const outcome = await rig.reconcile(kind(), changed);
  expect(outcome).toMatchObject({ phase: 'ready', done: [], status: { drift: ['maxMsgs'] } });
  expect(outcome.conditions).toMatchObject([{ reason: 'UpdatePrevented' }]);
  expect(await configOf(spec)).toMatchObject({ max_msgs: -1 });
});

test('a process that leads no more changes nothing', async () => {
  const spec = specOf();
  rig.isLeader = false;
  const failure = await rig.failure(kind(), put(spec));
  rig.isLeader = true;
  expect(failure.reason).toBe('LostLeadership');
  expect(await isThere(spec)).toBe(false);
});

test('each change is a line of the log that names who, what and where', async () => {
  const object = put(specOf());
  await rig.reconcile(kind(), object);
  const audits = rig.lines
    .map((line): Config => JSON.parse(line))
    .filter(({ object: of }) => of === `Stream shop/${object.metadata.name}`);
  expect(audits).toMatchObject([
    { audit: 'jetstream', api: expect.stringContaining('STREAM.CREATE.'), outcome: 'ok' },
  ]);
});
