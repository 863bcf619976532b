import { describe, expect, test } from '@jest/globals';
import { natsClusterStatus } from '../api/nats-cluster-status.ts';
import type { ClusterAction } from './actions.ts';
import type { Facts } from './facts.ts';
import { removedPeers, routedServers, scale } from './scale.ts';
import { peerIdOf } from './servers.ts';
import {
  claimFacts,
  nowMs,
  peer,
  remembered,
  serverFacts,
  specWith,
  statefulSetFacts,
  stream,
  wellFacts,
} from './testing/facts.ts';

const to = (replicas: number) => ({ spec: specWith({ replicas }) });
const removedAt = (ago: number) => remembered({ removedPeers: new Map([['c-3', nowMs - ago]]) });
/** Three of five are left; the leader still knows `c-3`. */
const leftover = (over: object) => ({
  ...to(3),
  servers: [0, 1, 2].map((each) =>
    serverFacts(each, 3, {
      meta: { leader: 'c-0', size: 4, peers: [peer('c-1'), peer('c-2'), peer('c-3', over)] },
    }),
  ),
});

/** Servers before, what differs, and then: servers of the StatefulSet, the step, the actions. */
type Case = readonly [number, Partial<Facts>, number, string | undefined, readonly string[]];
const cases: Readonly<Record<string, Case>> = {
  'leaves a cluster of the right size alone': [3, {}, 3, undefined, []],
  'makes all servers of a new cluster at once': [
    3,
    { statefulSet: undefined, pods: [], servers: [] },
    3,
    undefined,
    [],
  ],
  'keeps the size that the pods have while there is no StatefulSet': [
    5,
    { ...to(3), statefulSet: undefined, servers: [] },
    5,
    'MoveStreams',
    [],
  ],
  'grows at once': [3, to(5), 5, 'Grow', []],
  'waits with a server that was removed less than five minutes ago': [
    3,
    { ...to(5), memory: removedAt(60_000) },
    3,
    'Grow',
    [],
  ],
  'deletes what a removed server has left before it comes back': [
    3,
    {
      ...to(5),
      memory: removedAt(400_000),
      claims: [0, 1, 2, 3].map((each) => claimFacts(each)),
    },
    3,
    'Grow',
    ['deleteClaim data-c-3'],
  ],
  'takes a removed server back after five minutes': [
    3,
    { ...to(5), memory: removedAt(400_000) },
    5,
    'Grow',
    [],
  ],
  'moves streams off the server that leaves': [
    5,
    { ...to(3), assets: [stream([4, 0, 1]), stream([0, 1, 2], { stream: 'OTHER' })] },
    5,
    'MoveStreams',
    ['moveStream ORDERS c-4'],
  ],
  'moves a single replica as well': [
    5,
    { ...to(3), assets: [stream([4])] },
    5,
    'MoveStreams',
    ['moveStream ORDERS c-4'],
  ],
  'waits while a stream moves': [
    5,
    { ...to(3), assets: [stream([4, 0, 1], { isMoving: true })] },
    5,
    'MoveStreams',
    [],
  ],
  'moves eight streams at a time': [
    5,
    {
      ...to(3),
      assets: Array.from({ length: 20 }, (_, each) => stream([4], { stream: `S${each}` })),
    },
    5,
    'MoveStreams',
    [0, 1, 2, 3, 4, 5, 6, 7].map((each) => `moveStream S${each} c-4`),
  ],
  'lets the leaving server hand the meta group over': [
    5,
    {
      ...to(3),
      servers: [0, 1, 2, 3, 4].map((each) =>
        serverFacts(each, 5, {
          meta: { leader: 'c-4', size: 5, peers: [0, 1, 2, 3].map((other) => peer(`c-${other}`)) },
        }),
      ),
    },
    5,
    'StepDown',
    ['stepDown c-0'],
  ],
  'waits until all has been well for long enough': [
    5,
    { ...to(3), memory: remembered() },
    5,
    'Settle',
    [],
  ],
  'then stops one server': [5, to(3), 4, 'Stop', []],
  'waits until it is gone': [
    5,
    { ...to(3), statefulSet: statefulSetFacts({ replicas: 4 }) },
    4,
    'Stop',
    [],
  ],
  'waits until the meta group has noticed': [3, leftover({}), 3, 'Remove', []],
  'then removes it from the meta group': [
    3,
    leftover({ offline: true, current: false }),
    3,
    'Remove',
    ['removePeer c-3'],
  ],
  'removes one that no server has met since all have started again': [
    3,
    leftover({
      name: 'Server name unknown at this time',
      peer: peerIdOf('c-3'),
      offline: true,
      current: false,
    }),
    3,
    'Remove',
    ['removePeer c-3'],
  ],
  'starts a server again that is wanted before it was removed': [
    3,
    { ...leftover({ offline: true, current: false }), ...to(5) },
    5,
    'Grow',
    [],
  ],
};

describe('a change of size', () => {
  test.each(Object.entries(cases))('%s', (_, [before, over, replicas, step, done]) => {
    const decision = scale(wellFacts(before, over));
    expect(decision.refusal).toBeUndefined();
    expect({ replicas: decision.replicas, step: decision.step }).toEqual({ replicas, step });
    expect(decision.actions.map(short)).toEqual(done);
  });

  test.each([
    ['TooManyReplicas', 5, { ...to(3), assets: [stream([0, 1, 2, 3, 4])] }],
    ['ClusterHasNoSingleServer', 3, to(1)],
    ['SingleServerHasStreams', 1, { ...to(3), assets: [stream([0])] }],
  ])('is refused as %s', (reason, before, over) => {
    const { refusal, replicas, actions } = scale(wellFacts(before, over));
    expect({ reason: refusal?.reason, replicas, actions }).toEqual({
      reason,
      replicas: before,
      actions: [],
    });
  });

  test('a single server without streams becomes a cluster', () => {
    expect(scale(wellFacts(1, to(3))).replicas).toBe(3);
  });

  test('all servers that run know each other until the last one is gone', () => {
    const facts = wellFacts(4, { ...to(3), statefulSet: statefulSetFacts({ replicas: 3 }) });
    expect(routedServers(facts, scale(facts))).toBe(4);
  });
});

describe('the list of removed peers', () => {
  const at = '2025-12-31T23:00:00.000Z';
  const status = natsClusterStatus.parse({ removedPeers: [{ name: 'c-3', at }] });

  test('has what was removed just now', () => {
    const facts = wellFacts(3, { memory: removedAt(0) });
    expect(removedPeers(facts, scale(facts))).toEqual([
      { name: 'c-3', at: new Date(nowMs).toISOString() },
    ]);
  });

  test('keeps a peer until it has a volume again', () => {
    const away = wellFacts(3, { status });
    expect(removedPeers(away, scale(away))).toEqual([{ name: 'c-3', at }]);
    const back = wellFacts(5, { status });
    expect(removedPeers(back, scale(back))).toEqual([]);
  });
});

function short(action: ClusterAction): string {
  switch (action.do) {
    case 'moveStream':
      return `${action.do} ${action.stream} ${action.from}`;
    case 'stepDown':
      return `${action.do} ${action.preferred}`;
    case 'removePeer':
      return `${action.do} ${action.server}`;
    case 'deleteClaim':
      return `${action.do} ${action.name}`;
    default:
      return action.do;
  }
}
