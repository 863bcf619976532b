import { namespace, namespaces, secret, secrets } from '../api/core.ts';
import { natsClusterSpec } from '../api/nats-cluster.ts';
import { natsClusterStatus } from '../api/nats-cluster-status.ts';
import { objectOf, specOf, statusOf } from '../api/read.ts';
import type { Context } from '../control/kind.ts';
import type { KubeObject } from '../control/objects.ts';
import { type Asset, assetsOf } from './assets.ts';
import { claimFacts, liveChildren, podFacts, statefulSetFacts } from './cached-facts.ts';
import { lookAtCertificates } from './certificates.ts';
import { publicKeysOf } from './credentials.ts';
import type { Facts, PodFacts } from './facts.ts';
import { metaOf, quarantinedOf } from './facts.ts';
import { blockers } from './gate.ts';
import { withSettledLag } from './group-progress.ts';
import { askedVictim } from './lost-volume.ts';
import type { Memory } from './memory.ts';
import { children, ordinalOf, type Place } from './names.ts';
import { askServers, type Server } from './servers.ts';
import type { SystemAccount } from './system-account.ts';
import { configuredUsers } from './users.ts';

export interface Sources {
  readonly memory: Memory;
  readonly system: SystemAccount;
}

/** Reads everything that the policies depend on, and lets the memory take note of the gate. */
export async function observe(
  object: KubeObject,
  context: Context,
  { memory, system }: Sources,
): Promise<Facts> {
  const cluster = identityOf(object);
  const spec = specOf(natsClusterSpec, object);
  const { kube } = context;
  const podList = podFacts(cluster, context);
  const [home, credentials, answers] = await Promise.all([
    kube.get(namespaces, { name: cluster.namespace }),
    kube.get(secrets, { ...cluster, name: children(cluster.name).credentials }),
    servers(cluster, podList, context, system),
  ]);
  const replicas = podList.length;
  const read: Omit<Facts, 'memory' | 'certificates'> = {
    nowMs: context.now(),
    cluster,
    isDeleted: object.metadata.deletionTimestamp !== undefined,
    annotations: object.metadata.annotations ?? {},
    spec,
    status: statusOf(natsClusterStatus, object),
    isNamespaceTerminating:
      home !== undefined && objectOf(namespace, home).status.phase === 'Terminating',
    statefulSet: statefulSetFacts(cluster, context),
    pods: podList,
    claims: claimFacts(cluster, context),
    live: liveChildren(cluster, context),
    credentials:
      credentials === undefined ? undefined : publicKeysOf(objectOf(secret, credentials)),
    users: configuredUsers(cluster, spec, context.cache),
    ...answers,
  };
  const certificates = await lookAtCertificates(object, spec, context, {
    replicas,
    servers: answers.servers,
  });
  const facts = { ...read, certificates, memory: memory.of(cluster.uid) };
  take(facts, memory);
  return { ...facts, memory: memory.of(cluster.uid) };
}

export function identityOf({ metadata }: KubeObject): Facts['cluster'] {
  const { namespace: home = '', name, uid = '', generation = 0 } = metadata;
  return { namespace: home, name, uid, generation };
}

/** Two readings count as two only when they were made by one process, one after the other. */
function take(facts: Facts, memory: Memory): void {
  const without = askedVictim(facts);
  const reasons = blockers(facts, {
    servers: facts.statefulSet?.replicas ?? facts.spec.replicas,
    maxLag: facts.spec.update.maxLag,
    quarantined: quarantinedOf(facts),
    ...(without === undefined ? {} : { without }),
  });
  const leader = metaOf(facts)?.leader;
  const { uid } = facts.cluster;
  memory.read(uid, { isWell: reasons.length === 0, leader, atMs: facts.nowMs });
  for (const { name } of facts.status.removedPeers ?? []) memory.forgetRemoval(uid, name);
}

interface Answers extends Pick<Facts, 'servers' | 'unreachable'> {
  readonly assets: readonly Asset[];
}

async function servers(
  cluster: Place,
  podList: readonly PodFacts[],
  context: Context,
  system: SystemAccount,
): Promise<Answers> {
  // Nobody waits for the answer of a server that stops.
  const expected = podList.filter(({ ip, isTerminating }) => ip !== undefined && !isTerminating);
  if (expected.length === 0) return silent('No pod has an address yet.');
  const isOwn = ({ name }: Server) => ordinalOf(cluster.name, name) !== undefined;
  try {
    const connection = await system.open(cluster, context);
    const found = (await askServers(connection, expected.length)).filter(isOwn);
    if (found.length === 0) return silent('No server answers.');
    const assets = await withSettledLag(connection, assetsOf(found), found.length);
    return { servers: found, assets, unreachable: undefined };
  } catch (error) {
    // What the servers do not say is a fact like any other: policies go on without it.
    return silent(error instanceof Error ? error.message : 'unknown');
  }
}

function silent(unreachable: string): Answers {
  return { servers: [], assets: [], unreachable };
}
