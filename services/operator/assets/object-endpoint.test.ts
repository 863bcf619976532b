import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { configMaps, pods, secrets } from '../api/core.ts';
import { accounts, natsClusters, streams } from '../api/kinds.ts';
import type { ReconcileError } from '../control/kind.ts';
import { clusterEndpoint, systemAccount } from './cluster-endpoint.ts';
import type { Config } from './differences.ts';
import { Lookup } from './lookup.ts';
import { endpointOf } from './object-endpoint.ts';
import type { DefaultConnection } from './place.ts';
import { Rig } from './testing/rig.ts';

let rig: Rig;
let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'endpoint-'));
});
afterAll(() => rm(directory, { recursive: true }));
beforeEach(() => {
  rig = new Rig();
});

const base64 = (text: string) => Buffer.from(text).toString('base64');

function putCluster(spec: Config = {}) {
  rig.put(natsClusters, 'nats', { spec });
  const labels = { 'windlass.dev/cluster': 'nats' };
  for (const ip of ['10.0.0.1', 'fd00::2']) {
    const metadata = { name: `nats-${ip.length}`, labels };
    rig.put(pods, metadata.name, { metadata, status: { podIP: ip } });
  }
  rig.put(pods, 'nats-new', { metadata: { name: 'nats-new', labels }, status: {} });
  rig.put(pods, 'other', { status: { podIP: '10.9.9.9' } });
  const data = { 'account.APP.seed': base64('SUAPP'), 'system.seed': base64('SUSYS') };
  rig.put(secrets, 'nats-operator', { data });
  rig.put(configMaps, 'nats-ca', { data: { 'ca.crt': 'PEM of the authority' } });
}

function endpoint(spec: Config, namespace = 'shop', byDefault?: DefaultConnection) {
  const metadata = { name: 's', namespace };
  const object = rig.put(streams, 's', { spec: { name: 'S', ...spec }, metadata });
  return endpointOf(object, new Lookup(), rig.context, byDefault);
}

function refusal(given: Promise<unknown>): Promise<ReconcileError> {
  return given.then(
    () => Promise.reject(new Error('nothing was refused')),
    (error) => error,
  );
}

const clusterRef = { name: 'nats' };

test('a clusterRef leads to the pods of the cluster, as the first account', async () => {
  putCluster();
  expect(await endpoint({ clusterRef })).toEqual({
    target: 'NatsCluster shop/nats, account APP',
    servers: ['nats://10.0.0.1:4222', 'nats://[fd00::2]:4222'],
    currentServers: expect.any(Function),
    credentials: { kind: 'nkey', seed: 'SUAPP' },
    tls: { ca: 'PEM of the authority', servername: 'nats.shop.svc' },
    apiPrefix: '$JS.API',
  });
});

test('a domain is another API on the same connection', async () => {
  putCluster({ tls: { mode: 'Disabled' } });
  const found = await endpoint({ clusterRef, jsDomain: 'leaf' });
  expect(found).toMatchObject({ apiPrefix: '$JS.leaf.API' });
  expect(found.target).toContain('domain leaf');
  expect(found.tls).toBeUndefined();
});

test('the operator reaches the system account of a cluster', async () => {
  putCluster();
  const place = { cluster: 'shop/nats', account: systemAccount };
  const found = await clusterEndpoint(new Lookup(), rig.context, place);
  expect(found.credentials).toEqual({ kind: 'nkey', seed: 'SUSYS' });
});

test.each<[string, Config, string, Config]>([
  ['a cluster that is not there', {}, 'ClusterNotFound', { clusterRef: { name: 'none' } }],
  [
    'an account that it does not have',
    {},
    'AccountNotFound',
    { clusterRef: { name: 'nats', account: 'NONE' } },
  ],
  [
    'an account without its seed',
    { accounts: [{ name: 'APP' }, { name: 'LATER' }] },
    'SecretNotFound',
    { clusterRef: { name: 'nats', account: 'LATER' } },
  ],
  ['an Account that is not there', {}, 'AccountNotFound', { account: 'none' }],
  ['a file that is not there', {}, 'FileNotFound', { servers: ['nats://a'], creds: '/none/creds' }],
])('%s is named', async (_, cluster, reason, spec) => {
  putCluster(cluster);
  expect(await refusal(endpoint(spec))).toMatchObject({ reason });
});

test('a cluster without addresses or without its authority is not ready', async () => {
  rig.put(natsClusters, 'nats', { spec: {} });
  rig.put(secrets, 'nats-operator', { data: { 'account.APP.seed': base64('SUAPP') } });
  expect(await refusal(endpoint({ clusterRef }))).toMatchObject({ reason: 'ClusterNotReady' });
  rig.put(configMaps, 'nats-ca', { data: { 'ca.crt': 'PEM' } });
  const refused = await refusal(endpoint({ clusterRef }));
  expect(refused).toMatchObject({ reason: 'ClusterNotReady', isStalled: false });
});

test.each<[Config | undefined, boolean]>([
  [undefined, false],
  [{ from: 'Same' }, false],
  [{ from: 'All' }, true],
  [{ from: 'Names', names: ['billing'] }, true],
  [{ from: 'Names', names: ['other'] }, false],
])('allowedNamespaces %j lets another namespace in: %s', async (allowedNamespaces, isAllowed) => {
  putCluster(allowedNamespaces === undefined ? {} : { allowedNamespaces });
  const found = endpoint({ clusterRef: { name: 'nats', namespace: 'shop' } }, 'billing');
  if (isAllowed) expect((await found).servers).toHaveLength(2);
  else
    expect(await refusal(found)).toMatchObject({ reason: 'NamespaceNotAllowed', isStalled: true });
});

test.each<[string, Config, Config, Config]>([
  ['creds', { creds: { secret: { name: 'x' }, file: 'k' } }, { k: 'text' }, { text: 'text' }],
  ['nkey', { nkey: { secret: { name: 'x' }, seed: 'k' } }, { k: 'SUX' }, { seed: 'SUX' }],
  ['token', { token: { secret: { name: 'x' }, token: 'k' } }, { k: 't' }, { token: 't' }],
  [
    'password',
    { user: { secret: { name: 'x' }, user: 'u', password: 'p' } },
    { u: 'ann', p: 'secret' },
    { user: 'ann', password: 'secret' },
  ],
])('an Account gives %s of its Secret', async (kind, spec, data, credentials) => {
  const encoded = Object.entries(data).map(([key, value]) => [key, base64(String(value))]);
  rig.put(secrets, 'x', { data: Object.fromEntries(encoded) });
  rig.put(accounts, 'a', { spec: { name: 'a', servers: ['nats://one'], ...spec } });
  const found = await endpoint({ account: 'a' });
  expect(found).toEqual({
    target: 'Account shop/a',
    servers: ['nats://one'],
    credentials: { kind: kind === 'password' ? 'password' : kind, ...credentials },
    apiPrefix: '$JS.API',
  });
});

test('an Account gives the certificates of its Secret', async () => {
  const data = { a: base64('CA'), c: base64('CERT'), k: base64('KEY') };
  rig.put(secrets, 'x', { data });
  const tls = { secret: { name: 'x' }, ca: 'a', cert: 'c', key: 'k' };
  rig.put(accounts, 'a', { spec: { name: 'a', tls, tlsFirst: true } });
  const found = await endpoint({ account: 'a', servers: ['nats://own'] });
  expect(found.servers).toEqual(['nats://own']);
  expect(found.tls).toEqual({ ca: 'CA', cert: 'CERT', key: 'KEY', handshakeFirst: true });
});

test('files that the operator has mounted are read', async () => {
  const path = (name: string) => join(directory, name);
  for (const name of ['creds', 'ca1', 'ca2', 'cert', 'key']) await writeFile(path(name), name);
  const tls = {
    clientCert: path('cert'),
    clientKey: path('key'),
    rootCas: [path('ca1'), path('ca2')],
  };
  expect(await endpoint({ servers: ['nats://a'], creds: path('creds'), tls })).toMatchObject({
    credentials: { kind: 'creds', text: 'creds' },
    tls: { ca: 'ca1\nca2', cert: 'cert', key: 'key' },
  });
});

test('no asset reaches the account of the operator', async () => {
  putCluster();
  const refused = await refusal(endpoint({ clusterRef: { name: 'nats', account: 'SYS' } }));
  expect(refused).toMatchObject({ reason: 'AccountNotFound', isStalled: true });
});

test('the operator’s own credentials go to its own servers only', async () => {
  await writeFile(join(directory, 'own'), 'own');
  const byDefault = { servers: ['nats://default:4222'], creds: join(directory, 'own') };
  const credentials = { kind: 'creds', text: 'own' };
  expect((await endpoint({}, 'shop', byDefault)).credentials).toEqual(credentials);
  const elsewhere = await endpoint({ servers: ['nats://elsewhere'] }, 'shop', byDefault);
  expect(elsewhere.credentials).toBeUndefined();
});

test('an object that names nothing is in the default connection of the operator', async () => {
  const byDefault = { servers: ['nats://default:4222'] };
  const found = await endpoint({}, 'shop', byDefault);
  expect(found).toMatchObject({ servers: ['nats://default:4222'] });
  expect(found.credentials).toBeUndefined();
});

test('without one, it is in the only NatsCluster of its namespace', async () => {
  expect(await refusal(endpoint({}))).toMatchObject({ reason: 'NoConnection' });
  putCluster();
  expect((await endpoint({})).target).toBe('NatsCluster shop/nats, account APP');
  rig.put(natsClusters, 'second', { spec: {} });
  expect(await refusal(endpoint({}))).toMatchObject({ reason: 'NoConnection', isStalled: true });
});

test('what was read serves others for a while, and failures are not kept', async () => {
  let now = 0;
  const lookup = new Lookup(() => now);
  const path = join(directory, 'changing');
  await expect(lookup.file(path)).rejects.toMatchObject({ reason: 'FileNotFound' });
  await writeFile(path, 'one');
  expect(await lookup.file(path)).toBe('one');
  await writeFile(path, 'two');
  expect(await lookup.file(path)).toBe('one');
  now = 60_000;
  expect(await lookup.file(path)).toBe('two');
});
