import { describe, expect, test } from '@jest/globals';
import { allChildren } from './children/all.ts';
import { configurationOf } from './configuration.ts';
import type { Facts } from './facts.ts';
import { liveKeyOf } from './names.ts';
import { plan } from './plan.ts';
import { startDigestOf } from './reload-or-roll.ts';
import {
  claimFacts,
  nowMs,
  peer,
  podFacts,
  publicKey,
  remembered,
  serverFacts,
  specWith,
  statefulSetFacts,
  stream,
  wellFacts,
} from './testing/facts.ts';

const owner = {
  apiVersion: 'windlass.dev/v1alpha1',
  kind: 'NatsCluster',
  namespace: 'ns',
  name: 'c',
  uid: 'cluster-uid',
};

/** A cluster for which everything is done. */
function converged(): Facts {
  const bare = wellFacts();
  const configuration = configurationOf({
    cluster: bare.cluster,
    spec: bare.spec,
    servers: 3,
    volumeBytes: 10 * 2 ** 30,
    operator: { system: publicKey('S'), accounts: { APP: publicKey('A') } },
    users: [],
  });
  const startConfig = startDigestOf(configuration.block);
  const wanted = {
    owner,
    replicas: 3,
    version: '2.15.1',
    isHeld: false,
    replacing: undefined,
    configuration,
  };
  const children = allChildren({ ...bare, statefulSet: undefined }, wanted);
  const set = children.find(({ object }) => object.kind === 'StatefulSet')?.object;
  return {
    ...bare,
    statefulSet: statefulSetFacts({ annotations: set?.metadata.annotations ?? {} }),
    live: new Map(
      children.map(({ object }) => [liveKeyOf(object.kind, object.metadata.name), object]),
    ),
    pods: [0, 1, 2].map((each) => podFacts(each, { startConfig })),
    servers: [0, 1, 2].map((each) => serverFacts(each, 3, { config: configuration.digest })),
  };
}

describe('the plan of a cluster', () => {
  test('is empty when everything is done', () => {
    const { actions, phase, reason, status } = plan(owner, converged());
    expect({ actions, phase, reason }).toEqual({ actions: [], phase: 'ready', reason: 'Ready' });
    expect(status).toMatchObject({ readyReplicas: 3, metaLeader: 'c-0', version: '2.15.1' });
  });

  test('makes the keys first, because all else is made from them', () => {
    const facts = wellFacts(3, {
      statefulSet: undefined,
      pods: [],
      claims: [],
      servers: [],
      credentials: undefined,
    });
    const { actions, phase, reason } = plan(owner, facts);
    expect(actions.map((action) => action.do)).toEqual(['makeCredentials']);
    expect({ phase, reason }).toEqual({ phase: 'progressing', reason: 'Preparing' });
  });

  test('never makes keys again for servers that have some', () => {
    const { actions, phase, reason } = plan(owner, { ...converged(), credentials: undefined });
    expect(actions).toEqual([]);
    expect({ phase, reason }).toEqual({ phase: 'stalled', reason: 'CredentialsLost' });
  });

  test('leaves the servers as they are while the certificates are missing', () => {
    const problem = { reason: 'SecretNotFound', message: 'There is no Secret s.' } as const;
    const facts = {
      ...converged(),
      spec: specWith({ tls: { mode: 'Secret', secretName: 's' } }),
      certificates: { isWhole: false, secretName: 's', problem },
    };
    const { actions, phase, reason } = plan(owner, facts);
    expect(actions).toEqual([]);
    expect({ phase, reason }).toEqual({ phase: 'stalled', reason: 'SecretNotFound' });
  });

  test('stops no server in the same breath in which the StatefulSet changes', () => {
    const facts = converged();
    const pods = facts.pods.map((pod) => ({ ...pod, revision: 'old' }));
    const changed = { ...facts, pods, spec: specWith({ pods: { annotations: { a: 'b' } } }) };
    const cluster = { ...facts.cluster, generation: 2 };
    const { actions } = plan(owner, { ...changed, cluster });
    expect(actions.map((action) => action.do)).toEqual(['apply']);
  });

  test('stops one server when all have settled', () => {
    const facts = converged();
    const pods = facts.pods.map((pod) => ({ ...pod, revision: 'old' }));
    const { actions, reason, status } = plan(owner, { ...facts, pods });
    expect(actions).toMatchObject([{ do: 'evict', pod: 'c-2' }]);
    expect({ reason, rollout: status?.rollout }).toMatchObject({
      reason: 'Rolling',
      rollout: { step: 'Stopping', victim: 'c-2' },
    });
  });

  test('waits with a roll until the size is right', () => {
    const facts = converged();
    const pods = facts.pods.map((pod) => ({ ...pod, revision: 'old' }));
    const leaving = { ...facts, pods: [...pods, podFacts(3, { isTerminating: true })] };
    const { actions, reason } = plan(owner, leaving);
    expect(actions.filter((action) => action.do === 'evict')).toEqual([]);
    expect(reason).toBe('Scaling');
  });

  test('repairs what somebody has deleted', () => {
    const facts = converged();
    const live = new Map(facts.live);
    live.delete('PodDisruptionBudget/c');
    const { actions } = plan(owner, { ...facts, live });
    expect(actions.map((action) => action.describe)).toEqual(['apply PodDisruptionBudget c']);
  });

  test('is not ready while a server is away', () => {
    const facts = converged();
    const servers = facts.servers.slice(0, 2);
    expect(plan(owner, { ...facts, servers })).toMatchObject({
      phase: 'progressing',
      reason: 'ServersNotReady',
      message: 'c-2 does not answer.',
    });
  });

  test('stays ready while replicas are a little behind', () => {
    const peers = [peer('c-1', { current: false, lag: 2 }), peer('c-2')];
    const facts = { ...converged(), assets: [stream([0, 1, 2], { peers })] };
    expect(plan(owner, facts).phase).toBe('ready');
  });

  test('touches nothing in a namespace that is being deleted', () => {
    const facts = { ...converged(), live: new Map(), isNamespaceTerminating: true };
    expect(plan(owner, facts)).toMatchObject({ actions: [], reason: 'NamespaceTerminating' });
  });

  test('calls a roll that waits too long a problem', () => {
    const facts = converged();
    const startedAt = new Date(nowMs - 1_000_000).toISOString();
    const rollout = { step: 'Waiting', victim: 'c-2', revision: 'new', startedAt, blockedBy: [] };
    const late = {
      ...facts,
      status: { ...facts.status, rollout },
      pods: facts.pods.map((pod) => ({ ...pod, revision: 'old' })),
      memory: remembered(),
    };
    expect(plan(owner, late)).toMatchObject({ phase: 'stalled', reason: 'RollTimedOut' });
  });
});

describe('the deletion of a cluster', () => {
  const facts = wellFacts(3, { isDeleted: true });

  test('keeps volumes and keys', () => {
    expect(plan(owner, facts)).toMatchObject({ actions: [], isReleased: true });
  });

  test('takes them along when the spec says so', () => {
    const spec = specWith({ storage: { whenDeleted: 'Delete' } });
    const claims = [claimFacts(0), claimFacts(1, { isTerminating: true })];
    const { actions } = plan(owner, { ...facts, spec, claims });
    expect(actions).toMatchObject([
      { do: 'deleteClaim', name: 'data-c-0' },
      { do: 'deleteSecret', name: 'c-operator' },
    ]);
  });
});
