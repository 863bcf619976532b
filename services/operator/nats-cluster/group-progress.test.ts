import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { until } from '@windlass/runtime/testing/until.ts';
import { type Asset, assetsOf } from './assets.ts';
import { isCurrent } from './gate.ts';
import { ledGroups, missingEntries, settledBy, withSettledLag } from './group-progress.ts';
import type { Peer } from './servers.ts';
import { askServers } from './servers.ts';
import { peer, stream } from './testing/facts.ts';
import { type RealCluster, startRealCluster } from './testing/real-cluster.ts';

const waitMs = 120_000;
jest.setTimeout(2 * waitMs);

const at = (committed: number, stored: Readonly<Record<string, number>>, leader = 'c-0') => ({
  leader,
  committed,
  stored: new Map(Object.entries(stored)),
});

describe('how far a replica is', () => {
  test('it lacks nothing when it has what was committed before, whatever came since', () => {
    const before = at(100, { 'c-1': 90, 'c-2': 80 });
    const now = at(250, { 'c-1': 240, 'c-2': 97 });
    expect(missingEntries(before, now, 'c-1')).toBe(0);
    expect(missingEntries(before, now, 'c-2')).toBe(3);
  });

  test('it cannot be told across a change of the leader, or of a stranger', () => {
    const before = at(100, { 'c-1': 100 });
    expect(missingEntries(before, at(100, { 'c-1': 100 }, 'c-2'), 'c-1')).toBeUndefined();
    expect(missingEntries(before, at(100, {}), 'c-1')).toBeUndefined();
    expect(missingEntries(undefined, before, 'c-1')).toBeUndefined();
  });

  test('once it has caught up it stays so, and what is off line does not catch up', () => {
    const lagging = { current: false, lag: 20 };
    const asset = stream([0, 1, 2], {
      peers: [peer('c-1', lagging), peer('c-2', { ...lagging, offline: true })],
    });
    const key = `APP ${asset.group}`;
    const before = new Map([[key, at(100, { 'c-1': 80, 'c-2': 80 })]]);
    const first = settledBy([asset], before, new Map([[key, at(150, { 'c-1': 120, 'c-2': 120 })]]));
    expect(first[0]?.peers[0]).toMatchObject({ current: true, lag: 0 });
    expect(first[0]?.peers[1]).toMatchObject({ ...lagging, offline: true });
    const later = settledBy(first, before, new Map([[key, at(200, { 'c-1': 95, 'c-2': 95 })]]));
    expect(later[0]?.peers[0]).toMatchObject({ current: true, lag: 0 });
  });

  test('only the leader of a group knows, and an old server knows nothing', () => {
    const group = (state: string) => ({
      APP: { G: { state, committed: 5, peers: { x: { name: 'c-1', last_replicated_index: 4 } } } },
    });
    expect([...ledGroups('c-0', group('FOLLOWER'))]).toEqual([]);
    expect([...ledGroups('c-0', group('LEADER'))]).toEqual([['APP G', at(5, { 'c-1': 4 })]]);
    expect([...ledGroups('c-0', 'No responders')]).toEqual([]);
  });
});

describe('of three real servers under load', () => {
  let cluster: RealCluster;
  let isOn = true;
  let load: Promise<unknown>;

  beforeAll(async () => {
    cluster = await startRealCluster(3);
    const config = { name: 'BUSY', subjects: ['busy.>'], num_replicas: 3 };
    const create = () => cluster.account.request('$JS.API.STREAM.CREATE.BUSY', config);
    await until(
      'the stream is made',
      async () => (await create().catch(() => ({ error: 'none' }))).error === undefined,
      { withinMs: waitMs },
    );
    load = Promise.all(Array.from({ length: 16 }, publish));
  }, waitMs);
  afterAll(async () => {
    isOn = false;
    await load;
    await cluster?.stop();
  }, waitMs);

  async function publish(): Promise<void> {
    while (isOn) await cluster.account.request('busy.load', { text: 'load' }).catch(() => {});
  }

  /** The stream as its leader describes it, and with the lag that has settled. */
  async function look(): Promise<{ readonly raw?: Asset; readonly settled?: Asset }> {
    const servers = await askServers(cluster.system, 3).catch(() => []);
    const ofStream = (assets: readonly Asset[]) =>
      assets.find(({ stream: name, leader }) => name === 'BUSY' && leader !== undefined);
    const raw = ofStream(assetsOf(servers));
    if (raw === undefined) return {};
    const settled = ofStream(await withSettledLag(cluster.system, [raw], servers.length));
    return settled === undefined ? { raw } : { raw, settled };
  }

  const isBehind = (each: Peer) => !isCurrent(each, 0);

  test('a replica that lags at the moment and keeps up is not behind', async () => {
    const { raw, settled } = await until(
      'one lags, and has caught up half a second later',
      async () => {
        const seen = await look();
        const lags = seen.raw?.peers.some(({ lag }) => lag > 0) === true;
        return lags && seen.settled?.peers.some(isBehind) === false ? seen : undefined;
      },
      { withinMs: waitMs },
    );
    expect(raw?.group).not.toBe('');
    expect(settled?.peers.map(({ lag, current }) => ({ lag, current }))).toEqual([
      { lag: 0, current: true },
      { lag: 0, current: true },
    ]);
  });

  test('what lags is behind where nobody answers the question, as of old servers', async () => {
    const lagging = stream([0, 1, 2], { peers: [peer('c-1', { lag: 3, current: false })] });
    expect(await withSettledLag(cluster.account, [lagging], 3)).toEqual([lagging]);
  });

  test('a replica that stands still is behind, until it runs again', async () => {
    const { settled } = await until('it has a leader', async () => {
      const seen = await look();
      return seen.settled === undefined ? undefined : seen;
    });
    const victim = settled?.peers[0]?.name ?? '';
    const seenOf = ({ settled: asset }: { readonly settled?: Asset }) =>
      asset?.peers.find(({ name }) => name === victim);
    const ordinal = Number(victim.replace('c-', ''));
    cluster.signalServer(ordinal, 'SIGSTOP');
    const behind = await until(
      'it is behind',
      async () => {
        const seen = seenOf(await look());
        return seen !== undefined && seen.lag > 0 && isBehind(seen) ? seen : undefined;
      },
      { withinMs: waitMs },
    );
    expect(behind.current).toBe(false);
    cluster.signalServer(ordinal, 'SIGCONT');
    await until(
      'it has caught up',
      async () => {
        const seen = (await look()).settled;
        return seen !== undefined && !seen.peers.some(isBehind);
      },
      { withinMs: waitMs },
    );
  });
});
