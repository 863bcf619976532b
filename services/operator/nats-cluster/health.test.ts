import { describe, expect, test } from '@jest/globals';
import type { Facts } from './facts.ts';
import { ailments, conditions, type Progress } from './health.ts';
import {
  nowMs,
  peer,
  podFacts,
  serverFacts,
  specWith,
  stream,
  wellFacts,
} from './testing/facts.ts';

const calm: Progress = {
  underWay: undefined,
  problems: [],
  versionRefusal: undefined,
  ailments: [],
};
const day = 86_400_000;
const tls = (mode: object, left: number): Partial<Facts> => ({
  spec: specWith({ tls: { ...mode, renewBefore: '240h' } }),
  certificates: { isWhole: true, notAfter: nowMs + left },
});
const behind = { peers: [peer('c-1'), peer('c-2', { offline: true })] };

/** What differs, of which condition, its status and reason. */
type Case = readonly [Partial<Facts>, Partial<Progress>, string, string, string];
const cases: Readonly<Record<string, Case>> = {
  'is available when servers accept clients and have a leader': [
    {},
    {},
    ...(['Available', 'True', 'Serving'] as const),
  ],
  'is not available without a ready server': [
    { pods: [podFacts(0, { isReady: false })] },
    {},
    ...(['Available', 'False', 'NoServerReady'] as const),
  ],
  'is not available without a leader': [
    { servers: [serverFacts(0, 3, { meta: { leader: '', size: 3, peers: [] } })] },
    {},
    ...(['Available', 'False', 'NoMetaLeader'] as const),
  ],
  'is not known to be available when nobody answers': [
    { servers: [] },
    {},
    ...(['Available', 'Unknown', 'Unreachable'] as const),
  ],
  'progresses while something is under way': [
    {},
    { underWay: { reason: 'Rolling', message: 'c-2' } },
    ...(['Progressing', 'True', 'Rolling'] as const),
  ],
  'is degraded by a problem': [
    {},
    { problems: [{ reason: 'RollTimedOut', message: 'c-2' }] },
    ...(['Degraded', 'True', 'RollTimedOut'] as const),
  ],
  'is degraded by what is wrong while nothing is done': [
    {},
    { ailments: ['c-2 does not answer'] },
    ...(['Degraded', 'True', 'NotAllIsWell'] as const),
  ],
  'is not degraded by a server that a roll has stopped': [
    {},
    { underWay: { reason: 'Rolling', message: 'c-2' }, ailments: ['c-2 does not answer'] },
    ...(['Degraded', 'False', 'AsExpected'] as const),
  ],
  'has a quorum at risk when one of three servers is away': [
    { servers: [serverFacts(0, 3, { meta: { leader: 'c-0', size: 3, ...behind } })] },
    {},
    ...(['QuorumAtRisk', 'True', 'MetaGroup'] as const),
  ],
  'has a quorum at risk when a stream lacks a replica': [
    { assets: [stream([0, 1, 2], behind)] },
    {},
    ...(['QuorumAtRisk', 'True', 'Streams'] as const),
  ],
  'has none at risk for a replica that is a little behind': [
    {
      assets: [
        stream([0, 1, 2], { peers: [peer('c-1', { lag: 9, current: false }), peer('c-2')] }),
      ],
    },
    {},
    ...(['QuorumAtRisk', 'False', 'Safe'] as const),
  ],
  'has disk pressure above 85 %': [
    { servers: [serverFacts(0, 3, { storageBytes: 860 })] },
    {},
    ...(['DiskPressure', 'True', 'FileStoreFilling'] as const),
  ],
  'has a certificate that is valid': [
    tls({ mode: 'SelfManaged' }, 6 * day),
    {},
    ...(['CertExpiring', 'False', 'Valid'] as const),
  ],
  'has one that should have been renewed': [
    tls({ mode: 'SelfManaged' }, 4 * day),
    {},
    ...(['CertExpiring', 'True', 'EndsSoon'] as const),
  ],
  'has one that somebody else should renew': [
    tls({ mode: 'Secret', secretName: 's' }, 6 * day),
    {},
    ...(['CertExpiring', 'True', 'EndsSoon'] as const),
  ],
  'has a version skew when the version is refused': [
    {},
    { versionRefusal: { reason: 'MinorVersionSkipped', message: '2.12' } },
    ...(['VersionSkew', 'True', 'MinorVersionSkipped'] as const),
  ],
};

describe('a cluster', () => {
  test.each(Object.entries(cases))('%s', (_, [over, progress, type, status, reason]) => {
    const all = conditions(wellFacts(3, over), { ...calm, ...progress });
    expect(all).toHaveLength(7);
    expect(all.find((each) => each.type === type)).toMatchObject({ status, reason });
  });

  test('does not ail from replicas that are behind, but from those that are gone', () => {
    const lagging = stream([0, 1, 2], { peers: [peer('c-1', { lag: 9 }), peer('c-2')] });
    expect(ailments(wellFacts(3, { assets: [lagging] }), 3)).toEqual([]);
    expect(ailments(wellFacts(3, { assets: [stream([0, 1, 2], behind)] }), 3)).toHaveLength(1);
  });
});
