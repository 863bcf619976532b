import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { newUserKey } from '@windlass/runtime/broker/nkeys.ts';
import { until } from '@windlass/runtime/testing/until.ts';
import { Connections } from './connections.ts';
import { connectionKeyOf, type Endpoint } from './endpoint.ts';
import { JetStreamError } from './jet-stream-error.ts';
import { type TestServer, testServer } from './testing/nats-server.ts';

const quiet = { info: () => undefined, warn: () => undefined };
const [good, bad, other] = [newUserKey(), newUserKey(), newUserKey()];
const accounts = [
  'accounts {',
  `  APP { jetstream: enabled, users: [ { nkey: ${good.publicKey} } ] }`,
  `  OTHER { jetstream: enabled, users: [ { nkey: ${other.publicKey} }`,
  '    { user: ann, password: secret } ] }',
  '}',
].join('\n');

let server: TestServer;
let connections: Connections;
beforeAll(async () => {
  server = await testServer(accounts);
}, 120_000);
afterAll(() => server.remove());
beforeEach(() => {
  connections = new Connections({ logger: quiet });
});
afterEach(() => connections.close());

function endpoint(fields: Partial<Endpoint> = {}): Endpoint {
  return {
    target: 'APP',
    servers: [server.url],
    credentials: { kind: 'nkey', seed: good.seed },
    apiPrefix: '$JS.API',
    ...fields,
  };
}

test('endpoints that are made of the same share a connection', () => {
  const one = connections.open(endpoint());
  const same = connections.open(endpoint({ target: 'another name of it' }));
  const another = connections.open(endpoint({ credentials: { kind: 'nkey', seed: other.seed } }));
  expect(same.link).toBe(one.link);
  expect(another.link).not.toBe(one.link);
  expect([...one.link.targets]).toEqual(['APP', 'another name of it']);
  expect(connections.size).toBe(2);
});

test('the key says nothing of what it is made of', () => {
  expect(connectionKeyOf(endpoint())).toMatch(/^[0-9a-f]{64}$/);
  const moved = { currentServers: () => [], servers: ['nats://10.0.0.7:4222'] };
  expect(connectionKeyOf(endpoint({ ...moved, servers: [] }))).toBe(
    connectionKeyOf(endpoint(moved)),
  );
});

test.each<[string, Endpoint['credentials']]>([
  ['an nkey', { kind: 'nkey', seed: other.seed }],
  ['a password', { kind: 'password', user: 'ann', password: 'secret' }],
])('%s proves who one is', async (_, credentials) => {
  const js = connections.open(endpoint({ ...(credentials === undefined ? {} : { credentials }) }));
  await expect(js.ask('INFO')).resolves.toMatchObject({ streams: 0 });
});

test.each<[string, Endpoint['credentials']]>([
  ['a key that the server does not know', { kind: 'nkey', seed: bad.seed }],
  ['what is no seed', { kind: 'nkey', seed: 'SUNONSENSE' }],
  ['what is no credentials file', { kind: 'creds', text: 'nonsense' }],
  ['a wrong password', { kind: 'password', user: 'ann', password: 'wrong' }],
  ['nothing', undefined],
])('%s is refused with a reason, and nothing of it is told', async (_, credentials) => {
  const { credentials: none, ...rest } = endpoint();
  const js = connections.open(credentials === undefined ? rest : { ...rest, credentials });
  const refusal = { reason: 'CredentialsRefused', message: expect.not.stringMatching(/wrong|SU/) };
  await expect(js.ask('INFO')).rejects.toMatchObject(refusal);
  expect(none).toBeDefined();
});

test('a server that is not there is named within seconds', async () => {
  const js = connections.open(endpoint({ servers: ['nats://127.0.0.1:1'], target: 'nowhere' }));
  await expect(js.ask('INFO')).rejects.toMatchObject({
    reason: 'NATSUnreachable',
    message: expect.stringContaining('nowhere'),
  });
});

test('an answer that is an error has its code', async () => {
  const js = connections.open(endpoint());
  const failure = await js.ask('STREAM.INFO.NOT_THERE').catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(JetStreamError);
  expect(failure).toMatchObject({ code: 404, errCode: 10_059 });
});

test('an account without JetStream says so', async () => {
  const js = connections.open(endpoint({ apiPrefix: '$JS.nowhere.API' }));
  await expect(js.ask('INFO')).rejects.toMatchObject({ reason: 'JetStreamUnavailable' });
});

test('there is a bound, and it is told', () => {
  const few = new Connections({ logger: quiet, limit: 1 });
  few.open(endpoint());
  expect(() => few.open(endpoint({ servers: ['nats://127.0.0.1:2'] }))).toThrow(/More than 1/);
  return few.close();
});

test('what nobody asks for is closed, and made again when somebody does', async () => {
  const js = connections.open(endpoint());
  await js.ask('INFO');
  connections.closeIdle();
  expect(connections.size).toBe(1);
  connections.closeIdle(performance.now() + 3_600_000);
  expect(connections.size).toBe(0);
  await expect(connections.open(endpoint()).ask('INFO')).resolves.toBeDefined();
});

test('after a restart, subscriptions are there again and who missed it is told', async () => {
  const own = await testServer(accounts);
  try {
    const js = connections.open(endpoint({ servers: [own.url] }));
    const heard: string[] = [];
    let times = 0;
    js.subscribe('some.>', ({ subject, text }) => heard.push(`${subject} ${text()}`));
    js.onReconnect(() => {
      times += 1;
    });
    (await js.connection()).publish('some.thing', 'first');
    await until('the first message', () => heard.length === 1);
    expect(times).toBe(0);
    await own.stop();
    await until('the loss is noticed', () => !js.connected);
    await own.start();
    await until('it is told', () => times === 1);
    (await js.connection()).publish('some.thing', 'second');
    await until('the second message', () => heard.length === 2);
    expect(heard).toEqual(['some.thing first', 'some.thing second']);
  } finally {
    await own.remove();
  }
}, 180_000);

test('a connection follows servers that move although nothing asks for it', async () => {
  const [first, second] = [await testServer(accounts), await testServer(accounts)];
  try {
    let current = first.url;
    const js = connections.open(
      endpoint({ servers: [first.url], currentServers: () => [current], target: 'moving' }),
    );
    await js.ask('INFO');
    current = second.url;
    await first.stop();
    const { host } = new URL(second.url);
    await until('it is there', () => js.link.broker.current?.getServer() === host);
  } finally {
    await first.remove();
    await second.remove();
  }
}, 180_000);

test('credentials that have changed are used from the next attempt on', async () => {
  const own = await testServer(accounts.replace(good.publicKey, bad.publicKey));
  try {
    const place = { servers: [own.url], currentServers: () => [] };
    const js = connections.open(endpoint(place));
    await expect(js.ask('INFO')).rejects.toMatchObject({ reason: 'CredentialsRefused' });
    await own.stop();
    await own.start(accounts);
    const isUp = () =>
      js.ask('INFO').then(
        () => true,
        () => false,
      );
    await until('the server knows the key', isUp);
  } finally {
    await own.remove();
  }
}, 180_000);
