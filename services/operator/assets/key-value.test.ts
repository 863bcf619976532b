import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { natsUrl } from '@windlass/local/testing.ts';
import { keyValueSpec } from '../api/key-value.ts';
import { keyValues } from '../api/kinds.ts';
import type { Config } from './differences.ts';
import type { JetStream } from './jet-stream.ts';
import { keyValueKind, wantedBucket } from './key-value.ts';
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

let count = 0;
function put(fields: Config = {}) {
  count += 1;
  const bucket = `bucket${count}`;
  return rig.put(keyValues, bucket, { spec: { bucket, servers, ...fields } });
}

test('a bucket is the stream that clients take for one', async () => {
  const object = put({ history: 5, ttl: '1h', maxBytes: 1_000_000, compression: true });
  const name = `KV_${object.metadata.name}`;
  const outcome = await rig.reconcile(keyValueKind(rig.parts), object);
  expect(outcome).toMatchObject({ phase: 'ready', figures: { state: { values: 0, keys: 0 } } });
  expect((await js.ask(`STREAM.INFO.${name}`)).config).toMatchObject({
    subjects: [`$KV.${object.metadata.name}.>`],
    max_msgs_per_subject: 5,
    max_age: 3_600_000_000_000,
    discard: 'new',
    allow_rollup_hdrs: true,
    deny_delete: true,
    allow_direct: true,
    compression: 's2',
    duplicate_window: 120_000_000_000,
  });
  const connection = await js.connection();
  const bucket = await connection.jetstream().views.kv(object.metadata.name);
  await bucket.put('key', 'value');
  expect((await bucket.get('key'))?.string()).toBe('value');
});

test.each<[string, Config]>([
  ['history', { history: 64 }],
  ['maxValueSize', { maxValueSize: '1Ki' }],
  ['ttl', { ttl: '30s' }],
  ['limitMarkerTtl', { limitMarkerTtl: '10s' }],
  ['limitMarkerTtl in nanoseconds', { limitMarkerTtl: 10_000_000_000 }],
  ['maxBytes', { maxBytes: 10_000 }],
  ['storage', { storage: 'memory' }],
  ['republish', { republish: { source: '>', destination: 'kv.again.>' } }],
  ['compression', { compression: true }],
  ['sources', { sources: [{ name: 'bucket1' }, { name: 'KV_bucket2' }] }],
  ['description', { description: 'what it is for' }],
  ['metadata', { metadata: { team: 'orders' } }],
])('%s comes back as it was sent', async (_, fields) => {
  const object = put(fields);
  expect(await rig.reconcile(keyValueKind(rig.parts), object)).toMatchObject({ phase: 'ready' });
  expect((await rig.reconcile(keyValueKind(rig.parts), object)).done).toEqual([]);
});

test('a mirror of a bucket has no subjects of its own and answers for its origin', async () => {
  const origin = put();
  await rig.reconcile(keyValueKind(rig.parts), origin);
  const object = put({ mirror: { name: origin.metadata.name } });
  expect(await rig.reconcile(keyValueKind(rig.parts), object)).toMatchObject({ phase: 'ready' });
  const { config } = await js.ask(`STREAM.INFO.KV_${object.metadata.name}`);
  expect(config).toMatchObject({
    mirror: { name: `KV_${origin.metadata.name}` },
    mirror_direct: true,
  });
});

test('keys of a source come under the name of the bucket, unless the source says how', () => {
  const transform = { source: '$KV.other.x.>', dest: '$KV.here.y.>' };
  const spec = keyValueSpec.parse({
    bucket: 'here',
    sources: [{ name: 'other' }, { name: 'KV_third', subjectTransforms: [transform] }],
  });
  expect(wantedBucket(spec, {}).config.sources).toMatchObject([
    { name: 'KV_other', subject_transforms: [{ src: '$KV.other.>', dest: '$KV.here.>' }] },
    { name: 'KV_third', subject_transforms: [{ src: transform.source, dest: transform.dest }] },
  ]);
});
