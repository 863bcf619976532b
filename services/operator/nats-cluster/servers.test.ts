import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { newUserKey } from '@windlass/runtime/broker/nkeys.ts';
import { until } from '@windlass/runtime/testing/until.ts';
import { type Asset, assetsOf, nameOf } from './assets.ts';
import { blockers } from './gate.ts';
import { askServers, peerIdOf, type Server } from './servers.ts';
import { podFacts, wellFacts } from './testing/facts.ts';
import { type RealCluster, startRealCluster } from './testing/real-cluster.ts';

jest.setTimeout(240_000);

let cluster: RealCluster;

beforeAll(async () => {
  cluster = await startRealCluster(3);
});
afterAll(() => cluster.stop());

function reasonsOf(servers: readonly Server[], assets: readonly Asset[] = assetsOf(servers)) {
  const pods = [podFacts(0), podFacts(1), podFacts(2)];
  return blockers({ ...wellFacts(), pods, servers, assets }, { servers: 3, maxLag: 0 });
}

/** Asks until it holds, and fails with what was seen last. */
function serversOnce(holds: (servers: readonly Server[]) => boolean): Promise<readonly Server[]> {
  return until(async () => {
    const servers = await askServers(cluster.system, 3);
    if (holds(servers)) return servers;
    throw new Error(`what was seen last: ${JSON.stringify(reasonsOf(servers))}`);
  });
}

/** The gate asks the leader; another server may hear of the rest of the group a little later. */
function isWhole(servers: readonly Server[]): boolean {
  const knowsAll = ({ meta }: Server) => meta?.size === 3 && meta.peers.length === 2;
  return reasonsOf(servers).length === 0 && servers.every(knowsAll);
}

test('all servers say who they are and what they run, and the gate lets one stop', async () => {
  const servers = await serversOnce(isWhole);
  expect(servers.map(({ name }) => name).sort()).toEqual(['c-0', 'c-1', 'c-2']);
  expect(new Map(servers.map(({ name, config }) => [name, config]))).toEqual(cluster.digests);
  expect(servers.every(({ isJetStreamOn }) => isJetStreamOn)).toBe(true);
  expect(servers[0]?.storageLimitBytes).toBe(Math.floor(2 ** 30 * 0.8));
});

test('the id of a peer follows from its name', async () => {
  const servers = await serversOnce(isWhole);
  const peers = servers.flatMap(({ meta }) => meta?.peers ?? []);
  expect(peers).toHaveLength(6);
  expect(peers.map(({ peer }) => peer)).toEqual(peers.map(({ name }) => peerIdOf(name)));
});

test('a consumer is judged by its own leader, which need not be that of its stream', async () => {
  const stream = { name: 'ORDERS', subjects: ['orders.>'], num_replicas: 3 };
  await cluster.account.request('$JS.API.STREAM.CREATE.ORDERS', { ...stream, retention: 'limits' });
  for (let count = 0; count < 4; count++) {
    const config = { durable_name: `d${count}`, ack_policy: 'explicit' };
    await cluster.account.request(`$JS.API.CONSUMER.DURABLE.CREATE.ORDERS.d${count}`, {
      stream_name: 'ORDERS',
      config,
    });
  }
  const one = { name: 'ONE', subjects: ['one.>'], num_replicas: 1 };
  await cluster.account.request('$JS.API.STREAM.CREATE.ONE', one);
  const isThere = (assets: readonly Asset[]) => assets.length === 6;
  const servers = await serversOnce(
    (seen) => isThere(assetsOf(seen)) && reasonsOf(seen).length === 0,
  );
  const assets = assetsOf(servers);
  expect(assets.map(nameOf).sort()).toEqual([
    'APP/ONE',
    ...['', '/d0', '/d1', '/d2', '/d3'].map((end) => `APP/ORDERS${end}`),
  ]);
  for (const asset of assets.filter(({ stream: name }) => name === 'ORDERS')) {
    expect(asset).toMatchObject({ replicas: 3, isMoving: false });
    expect([asset.leader, ...asset.peers.map(({ name }) => name)].sort()).toEqual([
      'c-0',
      'c-1',
      'c-2',
    ]);
  }
  expect(assets.find(({ stream: name }) => name === 'ONE')).toMatchObject({
    replicas: 1,
    peers: [],
  });
});

test('a server says that it runs a new configuration once it has read it', async () => {
  const first = (await serversOnce((seen) => seen.length === 3)).find(({ name }) => name === 'c-0');
  const before = cluster.digests;
  const permissions = { publish: { allow: ['orders.>'] }, subscribe: { allow: ['_INBOX.>'] } };
  await cluster.write([{ account: 'APP', publicKey: newUserKey().publicKey, permissions }]);
  await cluster.system.request(`$SYS.REQ.SERVER.${first?.id}.RELOAD`);
  const wanted = new Map(before).set('c-0', cluster.digests.get('c-0') ?? '');
  const servers = await serversOnce((seen) =>
    seen.some(({ name, config }) => name === 'c-0' && config !== before.get(name)),
  );
  expect(new Map(servers.map(({ name, config }) => [name, config]))).toEqual(wanted);
});

test('the gate names the server that is away', async () => {
  await cluster.stopServer(2);
  const servers = await serversOnce((seen) => {
    const reasons = reasonsOf(seen);
    return seen.length === 2 && reasons.includes('c-2 is behind in the meta group');
  });
  expect(reasonsOf(servers)).toEqual(
    expect.arrayContaining([
      'c-2 does not answer',
      'c-0 has no route to c-2',
      'APP/ORDERS is behind on c-2',
    ]),
  );
});
