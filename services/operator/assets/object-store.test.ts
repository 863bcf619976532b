import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { natsUrl } from '@windlass/local/testing.ts';
import { objectStores } from '../api/kinds.ts';
import type { Config } from './differences.ts';
import type { JetStream } from './jet-stream.ts';
import { objectStoreKind } from './object-store.ts';
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
  const bucket = `store${count}`;
  return rig.put(objectStores, bucket, { spec: { bucket, servers, ...fields } });
}

test('an object store is the stream that clients take for one', async () => {
  const object = put();
  const { name } = object.metadata;
  const outcome = await rig.reconcile(objectStoreKind(rig.parts), object);
  expect(outcome).toMatchObject({ phase: 'ready', figures: { state: { bytes: 0, chunks: 0 } } });
  expect((await js.ask(`STREAM.INFO.OBJ_${name}`)).config).toMatchObject({
    subjects: [`$O.${name}.C.>`, `$O.${name}.M.>`],
    discard: 'new',
    allow_rollup_hdrs: true,
    allow_direct: true,
  });
  const connection = await js.connection();
  const store = await connection.jetstream().views.os(name);
  await store.putBlob({ name: 'file' }, new TextEncoder().encode('text'));
  expect(new TextDecoder().decode((await store.getBlob('file')) ?? undefined)).toBe('text');
});

test.each<[string, Config]>([
  ['ttl', { ttl: '7d' }],
  ['maxBytes', { maxBytes: '1Gi' }],
  ['storage', { storage: 'memory' }],
  ['compression', { compression: true }],
  ['description', { description: 'what it is for' }],
  ['metadata', { metadata: { team: 'orders' } }],
])('%s comes back as it was sent', async (_, fields) => {
  const object = put(fields);
  expect(await rig.reconcile(objectStoreKind(rig.parts), object)).toMatchObject({ phase: 'ready' });
  expect((await rig.reconcile(objectStoreKind(rig.parts), object)).done).toEqual([]);
});
