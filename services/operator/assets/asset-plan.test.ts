import { expect, test } from '@jest/globals';
import type { KubeObject } from '../control/objects.ts';
import {
  type AssetFacts,
  type AssetPolicy,
  assetPlan,
  type Found,
  type Seen,
} from './asset-plan.ts';

const object: KubeObject = {
  apiVersion: 'windlass.dev/v1alpha1',
  kind: 'Stream',
  metadata: { name: 'orders', namespace: 'shop', uid: 'u1' },
};
const deleted: KubeObject = {
  ...object,
  metadata: { ...object.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' },
};
const policy: AssetPolicy = {
  what: 'stream ORDERS',
  deletion: 'Delete',
  isUpdatePrevented: false,
  wasReady: false,
  specNames: {},
  immutable: () => [],
};
const ours = { key: 'shop/orders', uid: 'u1' };
const found: Found = {
  config: { max_msgs: 1 },
  created: '2026-01-01T00:00:00Z',
  isEmpty: true,
  cluster: undefined,
  replicas: [],
  expectedReplicas: undefined,
  figures: {},
  counts: { of: 'stream', messages: 0, bytes: 0 },
};
const seen: Seen = {
  kind: 'seen',
  wanted: { config: { max_msgs: 1 }, defaults: {} },
  found,
  owner: ours,
  winner: undefined,
  hasRival: false,
  kept: [],
};
const differing: Seen = { ...seen, wanted: { config: { max_msgs: 2 }, defaults: {} } };
const kept = [{ field: 'max_msgs', wanted: 2, found: 1 }];
const peer = { name: 'n2', current: true, offline: false, lag: 0 };
const clustered = { cluster: { name: 'c', leader: 'n1' }, expectedReplicas: 2 };
const stranger = { key: 'far/away', uid: 'u9' };

interface Case {
  readonly facts: AssetFacts;
  readonly policy?: Partial<AssetPolicy>;
  readonly object?: KubeObject;
  readonly phase: 'ready' | 'progressing' | 'stalled';
  readonly reason: string;
  readonly actions?: readonly string[];
}

const cases: Readonly<Record<string, Case>> = {
  'is ready when all is as wanted': { facts: seen, phase: 'ready', reason: 'Ready' },
  'creates what is not there': {
    facts: { ...seen, found: undefined, owner: undefined },
    phase: 'progressing',
    reason: 'Creating',
    actions: ['create stream ORDERS'],
  },
  'updates what differs, and says what': {
    facts: differing,
    phase: 'progressing',
    reason: 'Updating',
    actions: ['update stream ORDERS: maxMsgs'],
  },
  'waits for what must be there first': {
    facts: { kind: 'waiting', reason: 'StreamNotFound', message: 'Not yet.' },
    phase: 'progressing',
    reason: 'StreamNotFound',
  },
  'leaves the asset to the older object': {
    facts: { ...differing, winner: 'Stream shop/older', hasRival: true },
    phase: 'stalled',
    reason: 'Conflict',
  },
  'creates nothing that the older object has not created yet': {
    facts: { ...seen, found: undefined, winner: 'Stream shop/older', hasRival: true },
    phase: 'stalled',
    reason: 'Conflict',
  },
  'does not ask twice for what the server did not take': {
    facts: { ...differing, kept },
    phase: 'stalled',
    reason: 'ConfigNotHonored',
  },
  'asks again when the value has changed since': {
    facts: { ...differing, kept: [{ field: 'max_msgs', wanted: 2, found: 7 }] },
    phase: 'progressing',
    reason: 'Updating',
    actions: ['update stream ORDERS: maxMsgs'],
  },
  'lets the server have its way with what the spec leaves to it': {
    facts: {
      ...differing,
      wanted: { config: { max_msgs: 0 }, defaults: { max_msgs: 2 } },
      kept,
    },
    phase: 'ready',
    reason: 'Ready',
  },
  'never changes what the server never changes': {
    facts: differing,
    policy: { immutable: () => ['max_msgs'] },
    phase: 'stalled',
    reason: 'ImmutableField',
  },
  'takes back no asset that another cluster has taken': {
    facts: { ...differing, owner: stranger },
    policy: { wasReady: true },
    phase: 'stalled',
    reason: 'NotAdopted',
  },
  'leaves it as it is with preventUpdate': {
    facts: differing,
    policy: { isUpdatePrevented: true },
    phase: 'ready',
    reason: 'Ready',
  },
  'waits for a replica that is not current': {
    facts: {
      ...seen,
      found: { ...found, ...clustered, replicas: [peer, { ...peer, current: false }] },
    },
    phase: 'progressing',
    reason: 'ReplicasNotCurrent',
  },
  'stays ready while a server restarts': {
    facts: {
      ...seen,
      found: { ...found, ...clustered, replicas: [peer, { ...peer, offline: true }] },
    },
    policy: { wasReady: true },
    phase: 'ready',
    reason: 'Ready',
  },
  'waits for a replica that is not there': {
    facts: { ...seen, found: { ...found, ...clustered, replicas: [peer] } },
    phase: 'progressing',
    reason: 'ReplicasNotCurrent',
  },
  'waits for a leader': {
    facts: { ...seen, found: { ...found, cluster: { name: 'c', leader: '' } } },
    phase: 'progressing',
    reason: 'ReplicasNotCurrent',
  },
  'is ready with all replicas': {
    facts: { ...seen, found: { ...found, ...clustered, replicas: [peer, peer] } },
    phase: 'ready',
    reason: 'Ready',
  },
  'deletes what is its own': {
    object: deleted,
    facts: seen,
    phase: 'progressing',
    reason: 'Deleting',
    actions: ['delete stream ORDERS'],
  },
  'does not delete what is not empty': {
    object: deleted,
    facts: { ...seen, found: { ...found, isEmpty: false } },
    policy: { deletion: 'DeleteIfEmpty' },
    phase: 'stalled',
    reason: 'NotEmpty',
  },
};

test.each(Object.entries(cases))('%s', (_, { facts, phase, reason, actions = [], ...given }) => {
  const plan = assetPlan(given.object ?? object, facts, { ...policy, ...given.policy });
  expect(plan).toMatchObject({ phase, reason });
  expect(plan.actions.map(({ describe }) => describe)).toEqual(actions);
  expect(plan.isReleased).toBeUndefined();
});

const releases: Readonly<Record<string, Partial<Seen> & { retain?: boolean }>> = {
  'an asset that is gone already': { found: undefined },
  'an asset that is kept': { retain: true },
  'an asset that another object claims': { hasRival: true },
  'an asset that belongs to another object': { owner: stranger },
  'an asset that belongs to nobody': { owner: undefined },
};

test.each(Object.entries(releases))('lets go of %s', (_, { retain, ...fields }) => {
  const deletion = retain === true ? 'Retain' : 'Delete';
  const plan = assetPlan(deleted, { ...seen, ...fields }, { ...policy, deletion });
  expect(plan).toMatchObject({ isReleased: true, actions: [] });
});

test('shows the lag of a replica only while it is behind', () => {
  const behind = { ...peer, name: 'n3', current: false, lag: 7 };
  const facts = { ...seen, found: { ...found, ...clustered, replicas: [peer, behind] } };
  expect(assetPlan(object, facts, policy).status).toMatchObject({
    cluster: {
      leader: 'n1',
      replicas: [
        { name: 'n2', current: true },
        { name: 'n3', current: false, lag: 7 },
      ],
    },
  });
});

test('a change is a repair only when the object was as wanted before, and its own', () => {
  const repairOf = (facts: Seen, wasReady: boolean) =>
    assetPlan(object, facts, { ...policy, wasReady }).actions[0]?.isRepair;
  expect(repairOf(differing, true)).toBe(true);
  expect(repairOf(differing, false)).toBe(false);
  expect(repairOf({ ...differing, owner: undefined }, true)).toBe(false);
  expect(repairOf({ ...seen, found: undefined }, true)).toBe(true);
});
