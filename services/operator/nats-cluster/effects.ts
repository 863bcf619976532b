import { z } from 'zod';
import { persistentVolumeClaims, pod, pods, secrets, statefulSets } from '../api/core.ts';
import { natsClusterSpec } from '../api/nats-cluster.ts';
import { objectOf, specOf } from '../api/read.ts';
import { type Context, ReconcileError } from '../control/kind.ts';
import { apiVersionOf, type KubeObject, keyOf } from '../control/objects.ts';
import type { ClusterAction } from './actions.ts';
import { takeCertificateStep } from './certificates.ts';
import { makeCredentials } from './credentials.ts';
import { refusalKey } from './facts.ts';
import type { Memory } from './memory.ts';
import { children, clusterLabel, ordinalOf } from './names.ts';
import { identityOf, type Sources } from './observe.ts';
import { peerIdOf } from './servers.ts';

const evictAgainMs = 10_000;
const staleMs = 2_000;

/** Does one thing of a plan. What disturbs the cluster makes the memory forget that it was well. */
export async function act(
  action: ClusterAction,
  object: KubeObject,
  context: Context,
  { memory, system }: Sources,
): Promise<void> {
  const cluster = identityOf(object);
  const { kube } = context;
  const at = (name: string) => ({ namespace: cluster.namespace, name });
  switch (action.do) {
    case 'apply':
      await kube.apply(action.resource, action.object);
      return;
    case 'makeCredentials':
      return await makeCredentials(cluster, action.accounts, context);
    case 'certificates': {
      const spec = specOf(natsClusterSpec, object);
      return await takeCertificateStep(action.step, object, spec, context);
    }
    case 'orphanStatefulSet': {
      const { statefulSet } = children(cluster.name);
      const { uid } = action;
      return await kube.delete(statefulSets, at(statefulSet), { uid, propagation: 'Orphan' });
    }
    case 'growClaim':
      await kube.apply(persistentVolumeClaims, {
        apiVersion: apiVersionOf(persistentVolumeClaims),
        kind: persistentVolumeClaims.kind,
        metadata: at(action.name),
        spec: { resources: { requests: { storage: action.size } } },
      });
      return;
    case 'deleteClaim':
      context.event('Normal', 'VolumeDeleted', `Going to ${action.describe}.`);
      return await kube.delete(persistentVolumeClaims, at(action.name), { uid: action.uid });
    case 'deleteSecret':
      return await kube.delete(secrets, at(action.name));
    case 'evict':
      return await evict(action, cluster, context, memory);
    case 'reload':
      return await reload(action, object, context, { memory, system });
    case 'stepDown':
    case 'moveStream':
    case 'removePeer':
      return await change(action, object, context, { memory, system });
  }
}

/**
 * Through the Eviction API, so that disruption budgets count. A cache may be behind, and two
 * servers must never be stopped at a time: the pods are read once more before.
 */
async function evict(
  action: Extract<ClusterAction, { do: 'evict' }>,
  cluster: ReturnType<typeof identityOf>,
  { kube, event }: Context,
  memory: Memory,
): Promise<void> {
  const labelSelector = `${clusterLabel}=${cluster.name}`;
  const present = await kube.list(pods, { namespace: cluster.namespace, labelSelector });
  const others = present.filter(({ metadata: { name } }) => name !== action.pod);
  const unwell = others.find((each) => isOfCluster(each, cluster.name) && !isWell(each));
  memory.disturbed(cluster.uid);
  if (action.isServing && unwell !== undefined) {
    const message = `${action.pod} stays for now: ${unwell.metadata.name} is not ready.`;
    throw new ReconcileError('ServerNotReady', message, { retryAfterMs: staleMs });
  }
  event('Normal', 'Stopping', `Going to ${action.describe}.`);
  const outcome = await kube.evict(cluster.namespace, action.pod, action.uid);
  if (outcome === 'blocked') {
    const message = `A disruption budget does not let ${action.pod} stop now.`;
    throw new ReconcileError('EvictionBlocked', message, { retryAfterMs: evictAgainMs });
  }
}

function isOfCluster({ metadata }: KubeObject, cluster: string): boolean {
  return ordinalOf(cluster, metadata.name) !== undefined;
}

function isWell(object: KubeObject): boolean {
  const { metadata, status } = objectOf(pod, object);
  const isReady = status.conditions.some(
    ({ type, status: is }) => type === 'Ready' && is === 'True',
  );
  return isReady && metadata.deletionTimestamp === undefined;
}

const reloadAnswer = z.object({
  error: z.object({ description: z.string().default('without a reason') }).optional(),
});

/** A refusal is a fact for the next plan, and no failure: some settings need a restart. */
async function reload(
  { server, serverId, digest }: Extract<ClusterAction, { do: 'reload' }>,
  object: KubeObject,
  context: Context,
  { memory, system }: Sources,
): Promise<void> {
  const cluster = identityOf(object);
  const connection = await system.open(cluster, context);
  context.fence();
  memory.reloaded(cluster.uid, serverId, context.now());
  const answer = await connection.request(`$SYS.REQ.SERVER.${serverId}.RELOAD`);
  const { error } = reloadAnswer.parse(answer);
  const line = { audit: 'nats', object: keyOf(object), server, api: 'RELOAD' };
  if (error === undefined) {
    memory.accepted(cluster.uid, refusalKey(serverId, digest));
    context.logger.info({ ...line, outcome: 'ok' }, 'reloaded a server');
    return;
  }
  context.logger.warn({ ...line, outcome: 'refused' }, 'a server refused its configuration');
  memory.refused(cluster.uid, refusalKey(serverId, digest), error.description);
}

async function change(
  action: Extract<ClusterAction, { do: 'stepDown' | 'moveStream' | 'removePeer' }>,
  object: KubeObject,
  context: Context,
  { memory, system }: Sources,
): Promise<void> {
  const cluster = identityOf(object);
  const connection = await system.open(cluster, context);
  const mandate = { object: keyOf(object), context };
  memory.disturbed(cluster.uid);
  switch (action.do) {
    case 'stepDown': {
      const { preferred } = action;
      const body = preferred === undefined ? {} : { placement: { preferred } };
      await connection.change('META.LEADER.STEPDOWN', body, mandate);
      return;
    }
    case 'moveStream': {
      const api = `ACCOUNT.STREAM.MOVE.${action.account}.${action.stream}`;
      await connection.change(api, { server: action.from }, mandate);
      return;
    }
    case 'removePeer':
      await connection.change(
        'SERVER.REMOVE',
        // By the id as well, because a server that nobody has met has no name here.
        { peer: action.server, peer_id: peerIdOf(action.server) },
        mandate,
      );
      memory.removed(cluster.uid, action.server, context.now());
      context.event('Normal', 'PeerRemoved', `${action.server} is out of the meta group.`);
  }
}
