import type { ClusterAction } from './actions.ts';
import { nameOf } from './assets.ts';
import { type Facts, metaOf, quarantinedOf } from './facts.ts';
import { blockers } from './gate.ts';
import { claimName, ordinalOf, podName } from './names.ts';
import { hasSettled, stepDown } from './roll.ts';
import { type Peer, peerIdOf } from './servers.ts';

/** Servers take a removed peer back only after that time (`peerRemoveTimeout`). */
export const rejoinDelayMs = 5 * 60_000;
/** Of a NatsCluster. */
const serversMax = 5;
/** Streams that are moved off a server at the same time. */
const movesLimit = 8;

export interface ScaleDecision {
  /** What the StatefulSet is to have now. */
  readonly replicas: number;
  readonly actions: readonly ClusterAction[];
  /** Absent when nothing is under way. */
  readonly step?: string;
  readonly blockedBy: readonly string[];
  /** Why the wanted number is refused until somebody changes something. */
  readonly refusal?: { readonly reason: string; readonly message: string };
}

/**
 * From the present number of servers to the wanted one. Upwards at once, unless a peer was
 * removed lately. Downwards one server at a time: its streams move away, it hands the meta group
 * over, it stops, and only then it is removed from the group, because a server that is removed
 * while it runs loses its JetStream, and one that is never removed still counts for the quorum.
 */
export function scale(facts: Facts): ScaleDecision {
  const present = presentReplicas(facts);
  const wanted = facts.spec.replicas;
  if (present === undefined) return steady(wanted);
  const leaving = leftovers(facts, present, wanted);
  if (leaving !== undefined) return leaving;
  if (wanted > present) return up(facts, present, wanted);
  if (wanted < present) return down(facts, present, wanted);
  return steady(present);
}

/** Without a StatefulSet, which is absent for a moment while its volumes grow, as the pods say. */
export function presentReplicas({ statefulSet, pods }: Facts): number | undefined {
  if (statefulSet !== undefined) return statefulSet.replicas;
  if (pods.length === 0) return undefined;
  return Math.max(...pods.map(({ ordinal }) => ordinal)) + 1;
}

/** How many servers are to know each other. */
export function routedServers(facts: Facts, { replicas }: ScaleDecision): number {
  const beyond = facts.pods.map(({ ordinal }) => ordinal + 1);
  return Math.max(replicas, ...beyond);
}

function steady(replicas: number): ScaleDecision {
  return { replicas, actions: [], blockedBy: [] };
}

/** Servers beyond the StatefulSet that still stop, or are still in the meta group. */
function leftovers(facts: Facts, present: number, wanted: number): ScaleDecision | undefined {
  const isBeyond = (name: string) => {
    const ordinal = ordinalOf(facts.cluster.name, name);
    return ordinal !== undefined && ordinal >= present && ordinal >= wanted;
  };
  const pods = facts.pods.filter(({ name }) => isBeyond(name));
  if (pods.length > 0) {
    const blockedBy = pods.map(({ name }) => `${name} is stopping`);
    return { replicas: present, actions: [], step: 'Stop', blockedBy };
  }
  const peer = formerPeer(facts, isBeyond);
  if (peer === undefined) return undefined;
  if (!peer.offline && peer.current) {
    const blockedBy = [`the meta group has not noticed yet that ${peer.name} is gone`];
    return { replicas: present, actions: [], step: 'Remove', blockedBy };
  }
  const describe = `remove ${peer.name} from the meta group`;
  return {
    replicas: present,
    actions: [{ do: 'removePeer', server: peer.name, describe }],
    step: 'Remove',
    blockedBy: [],
  };
}

/** By its name, or by its id where none of the servers that run has ever met it. */
function formerPeer(facts: Facts, isBeyond: (name: string) => boolean): Peer | undefined {
  const peers = metaOf(facts)?.peers ?? [];
  const named = peers.find(({ name }) => isBeyond(name));
  if (named !== undefined) return named;
  for (let ordinal = 0; ordinal < serversMax; ordinal++) {
    const name = podName(facts.cluster.name, ordinal);
    const unmet = isBeyond(name) && peers.find((peer) => peer.peer === peerIdOf(name));
    if (unmet) return { ...unmet, name };
  }
  return undefined;
}

function up(facts: Facts, present: number, wanted: number): ScaleDecision {
  if (present === 1 && facts.servers.length === 0) {
    const blockedBy = [facts.unreachable ?? 'the server does not answer'];
    return { replicas: present, actions: [], step: 'Grow', blockedBy };
  }
  if (present === 1 && facts.assets.length > 0) {
    return refused(present, 'SingleServerHasStreams', [
      'A single server keeps its streams outside of any cluster, which would not know them:',
      'back them up and remove them before there are more servers.',
    ]);
  }
  const ordinals = Array.from({ length: wanted - present }, (_, index) => present + index);
  const early = ordinals.find((ordinal) => waitMs(facts, ordinal) > 0);
  const upTo = early ?? wanted;
  const stale = facts.claims.filter(({ pod }) => {
    const ordinal = ordinalOf(facts.cluster.name, pod) ?? -1;
    return ordinal >= present && ordinal < upTo && removedAt(facts, pod) !== undefined;
  });
  if (stale.length > 0) {
    return {
      replicas: present,
      actions: stale
        .filter(({ isTerminating }) => !isTerminating)
        .map(({ name, uid, pod }) => ({
          do: 'deleteClaim',
          name,
          uid,
          describe: `delete the volume that ${pod} had before it was removed`,
        })),
      step: 'Grow',
      blockedBy: stale.map(({ pod }) => `the former volume of ${pod} is not gone yet`),
    };
  }
  const blockedBy =
    early === undefined
      ? []
      : [`${podName(facts.cluster.name, early)} was removed less than 5 minutes ago`];
  return { replicas: upTo, actions: [], step: 'Grow', blockedBy };
}

function waitMs(facts: Facts, ordinal: number): number {
  const at = removedAt(facts, podName(facts.cluster.name, ordinal));
  return at === undefined ? 0 : at + rejoinDelayMs - facts.nowMs;
}

function removedAt({ status, memory }: Facts, pod: string): number | undefined {
  const remembered = memory.removedPeers.get(pod);
  if (remembered !== undefined) return remembered;
  const entry = status.removedPeers?.find(({ name }) => name === pod);
  return entry === undefined ? undefined : Date.parse(entry.at);
}

function down(facts: Facts, present: number, wanted: number): ScaleDecision {
  if (wanted === 1) {
    return refused(present, 'ClusterHasNoSingleServer', [
      'The servers of a cluster do not become a single server again, which would not know its',
      'streams.',
    ]);
  }
  const tooMany = facts.assets.filter(({ replicas }) => replicas > wanted);
  if (tooMany.length > 0) {
    return refused(present, 'TooManyReplicas', [
      `${tooMany.slice(0, 8).map(nameOf).join(', ')} need more than ${wanted} servers:`,
      'lower their replicas first.',
    ]);
  }
  const leaving = podName(facts.cluster.name, present - 1);
  const wait = (step: string, blockedBy: readonly string[]) => ({
    replicas: present,
    actions: [],
    step,
    blockedBy,
  });
  const meta = metaOf(facts);
  if (meta === undefined) return wait('MoveStreams', ['the meta group has no leader']);
  const there = facts.assets.filter(({ on }) => on.includes(leaving));
  const streams = there.filter(({ consumer }) => consumer === undefined);
  if (streams.length > 0) {
    const moving = streams.filter(({ isMoving }) => isMoving).length;
    const next = streams.filter(({ isMoving }) => !isMoving);
    return {
      ...wait('MoveStreams', [`${streams.length} streams are on ${leaving}`]),
      actions: next.slice(0, Math.max(0, movesLimit - moving)).map(({ account, stream }) => ({
        do: 'moveStream',
        account,
        stream,
        from: leaving,
        describe: `move ${account}/${stream} off ${leaving}`,
      })),
    };
  }
  const { maxLag } = facts.spec.update;
  const quarantined = quarantinedOf(facts);
  const reasons = blockers(facts, { servers: present, maxLag, quarantined });
  if (reasons.length > 0) return wait('MoveStreams', reasons);
  if (meta.leader === leaving) {
    return { ...wait('StepDown', []), actions: [stepDown(facts, leaving)] };
  }
  if (!hasSettled(facts)) return wait('Settle', ['all has been well for too short a time']);
  return { replicas: present - 1, actions: [], step: 'Stop', blockedBy: [] };
}

function refused(replicas: number, reason: string, lines: readonly string[]): ScaleDecision {
  return {
    replicas,
    actions: [],
    blockedBy: [],
    refusal: { reason, message: lines.join(' ') },
  };
}

/** The list of the status: what this process has removed is added, what is back is taken off. */
export function removedPeers(facts: Facts, { replicas }: ScaleDecision) {
  const { name: cluster } = facts.cluster;
  const removed = [...facts.memory.removedPeers].map(([name, atMs]) => ({
    name,
    at: new Date(atMs).toISOString(),
  }));
  const isBack = (name: string) =>
    (ordinalOf(cluster, name) ?? 0) < replicas &&
    facts.claims.some((claim) => claim.name === claimName(name));
  const known = (facts.status.removedPeers ?? []).filter(
    ({ name }) => !facts.memory.removedPeers.has(name),
  );
  return [...known, ...removed].filter(({ name }) => !isBack(name));
}
