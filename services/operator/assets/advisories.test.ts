import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { newUserKey } from '@windlass/runtime/broker/nkeys.ts';
import { until } from '@windlass/runtime/testing/until.ts';
import { secrets } from '../api/core.ts';
import { accounts, consumers, keyValues, streams } from '../api/kinds.ts';
import { followAdvisories } from './advisories.ts';
import { Connections } from './connections.ts';
import { consumerKind } from './consumer.ts';
import type { Config } from './differences.ts';
import type { Endpoint } from './endpoint.ts';
import type { JetStream } from './jet-stream.ts';
import { streamKind } from './stream.ts';
import { type TestServer, testServer } from './testing/nats-server.ts';
import { Rig } from './testing/rig.ts';

const [one, two] = [newUserKey(), newUserKey()];
const config = [
  'accounts {',
  `  ONE { jetstream: enabled, users: [ { nkey: ${one.publicKey} } ] }`,
  `  TWO { jetstream: enabled, users: [ { nkey: ${two.publicKey} } ] }`,
  '}',
].join('\n');

let server: TestServer;
let rig: Rig;
let queue: string[];
/** Somebody else, on connections of their own. */
let somebody: Connections;
let inOne: JetStream;
let inTwo: JetStream;

beforeAll(async () => {
  server = await testServer(config);
  rig = new Rig();
  queue = [];
  followAdvisories({
    connections: rig.connections,
    cache: rig.context.cache,
    enqueue: ({ kind }, key) => queue.push(`${kind} ${key}`),
  });
  for (const [name, { seed }] of [
    ['one', one],
    ['two', two],
  ] as const) {
    const data = { seed: Buffer.from(seed).toString('base64') };
    rig.put(secrets, name, { data });
    const nkey = { secret: { name }, seed: 'seed' };
    rig.put(accounts, name, { spec: { name, servers: [server.url], nkey } });
  }
  somebody = new Connections({ logger: { info: () => undefined, warn: () => undefined } });
  inOne = somebody.open(endpointOf(one.seed));
  inTwo = somebody.open(endpointOf(two.seed));
}, 120_000);
afterAll(async () => {
  await rig.close();
  await somebody.close();
  await server.remove();
});
beforeEach(() => {
  queue.splice(0);
});

function endpointOf(seed: string): Endpoint {
  const credentials = { kind: 'nkey', seed } as const;
  return { target: 'hand', servers: [server.url], credentials, apiPrefix: '$JS.API' };
}

let count = 0;
async function madeStream(account = 'one') {
  count += 1;
  const name = `WATCHED${count}`;
  const spec = { name, account, subjects: [`${name}.>`], storage: 'file' };
  const object = rig.put(streams, `s${count}`, { spec });
  await rig.reconcile(streamKind(rig.parts), object);
  return { name, object, key: `Stream shop/s${count}` };
}

async function madeConsumer(streamName: string) {
  const spec = { streamName, durableName: 'worker', account: 'one', ackPolicy: 'explicit' };
  const object = rig.put(consumers, `c${count}`, { spec });
  await rig.reconcile(consumerKind(rig.parts), object);
  return { object, key: `Consumer shop/c${count}` };
}

/** The server tells of them twice, and the second time may come late. */
const marks = new Set<string>();

/** When this one has come, all before it have come as well. */
async function mark() {
  const { name, key } = await madeStream();
  marks.add(key);
  await inOne.ask(`STREAM.DELETE.${name}`);
  await until('the mark', () => queue.includes(key));
  return queue.splice(0).filter((each) => !marks.has(each));
}

test('a stream that somebody deletes is looked at, and so are its consumers', async () => {
  const { name, key } = await madeStream();
  const consumer = await madeConsumer(name);
  await inOne.ask(`STREAM.DELETE.${name}`);
  await until('both', () => queue.includes(key) && queue.includes(consumer.key));
});

test('none is missed of many streams that somebody deletes one after the other', async () => {
  for (let index = 0; index < 60; index++) {
    const { name, key } = await madeStream();
    await madeConsumer(name);
    await inOne.ask(`STREAM.DELETE.${name}`);
    await until(`${name} is looked at`, () => queue.includes(key));
  }
}, 60_000);

test.each<[string, (name: string, config: Config) => Promise<unknown>]>([
  ['changes', (name, was) => inOne.ask(`STREAM.UPDATE.${name}`, { ...was, max_msgs: 5 })],
  ['deletes', (name) => inOne.ask(`STREAM.DELETE.${name}`)],
])('a stream that somebody %s is looked at', async (_, change) => {
  const { name, key } = await madeStream();
  const { config } = await inOne.ask(`STREAM.INFO.${name}`);
  await change(name, config as Config);
  await until('it is looked at', () => queue.includes(key));
});

test.each<[string, (place: string, config: Config) => Promise<unknown>]>([
  [
    'changes',
    (place, was) =>
      inOne.ask(`CONSUMER.CREATE.${place}`, {
        stream_name: place.split('.')[0],
        config: { ...was, max_deliver: 9 },
        action: 'update',
      }),
  ],
  [
    'pauses',
    (place) => inOne.ask(`CONSUMER.PAUSE.${place}`, { pause_until: '2099-01-01T00:00:00Z' }),
  ],
  ['deletes', (place) => inOne.ask(`CONSUMER.DELETE.${place}`)],
])('a consumer that somebody %s is looked at', async (_, change) => {
  const { name } = await madeStream();
  const { key } = await madeConsumer(name);
  const { config } = await inOne.ask(`CONSUMER.INFO.${name}.worker`);
  await change(`${name}.worker`, config as Config);
  await until('it is looked at', () => queue.includes(key));
});

test('our own changes tell us nothing new', async () => {
  const { name, object } = await madeStream();
  // A consumer that is not ready yet is looked at when its stream has come.
  expect(await mark()).toEqual([]);
  await madeConsumer(name);
  const changed = rig.respec(streams, object, { ...(object.spec as Config), maxMsgs: 9 });
  await rig.reconcile(streamKind(rig.parts), changed);
  expect(await mark()).toEqual([]);
});

test('a refused change of a consumer is nothing to look at', async () => {
  const { name } = await madeStream();
  await mark();
  await madeConsumer(name);
  const body = { stream_name: name, config: { durable_name: 'worker' }, action: 'create' };
  await expect(inOne.ask(`CONSUMER.CREATE.${name}.worker`, body)).rejects.toThrow(/10148/);
  expect(await mark()).toEqual([]);
});

test('a stream of the same name in another account is not ours', async () => {
  const { name } = await madeStream();
  await madeStream('two');
  await mark();
  await inTwo.ask(`STREAM.CREATE.${name}`, { name, subjects: ['x.>'], storage: 'file' });
  await inTwo.ask(`STREAM.DELETE.${name}`);
  expect(await mark()).toEqual([]);
});

test('the stream of a bucket belongs to the bucket', async () => {
  const spec = { bucket: 'watched', account: 'one' };
  rig.put(keyValues, 'watched', { spec });
  await inOne.ask('STREAM.CREATE.KV_watched', {
    name: 'KV_watched',
    subjects: ['$KV.watched.>'],
    storage: 'file',
  });
  await until('the bucket', () => queue.includes('KeyValue shop/watched'));
});

test('when the server is there again, all its objects are looked at', async () => {
  const { key } = await madeStream();
  const elsewhere = rig.put(streams, 'elsewhere', {
    spec: { name: 'E', servers: ['nats://127.0.0.1:1'], subjects: ['e'] },
  });
  await server.stop();
  await server.start();
  await until('it is looked at', () => queue.includes(key));
  expect(queue).not.toContain(`Stream shop/${elsewhere.metadata.name}`);
}, 180_000);
