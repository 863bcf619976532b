import type { ClusterAction } from './actions.ts';
import { type Facts, metaOf, type PodFacts, quarantinedOf, refusalKey, serverOf } from './facts.ts';
import { blockers } from './gate.ts';
import { annotations, podName } from './names.ts';

/** A pod that has not become ready by then, and whose server answers nobody, serves nobody. */
const deadAfterMs = 120_000;

export interface Rollout {
  readonly step: 'Approval' | 'Waiting' | 'StepDown' | 'Stopping' | 'Settling' | 'Replacing';
  readonly victim?: string;
  readonly revision: string;
  /** RFC 3339; since when it is this victim's turn. */
  readonly startedAt: string;
  readonly blockedBy: readonly string[];
}

export interface RollDecision {
  readonly actions: readonly ClusterAction[];
  /** Absent when every server is as it should be. */
  readonly rollout: Rollout | undefined;
  readonly hasTimedOut: boolean;
}

const nothing: RollDecision = { actions: [], rollout: undefined, hasTimedOut: false };

/**
 * Which server is stopped next, so that it starts again as the StatefulSet now says. One at a
 * time, each behind the gate; the leader of the meta group last, after it has handed over. Pods
 * that serve nobody are replaced at once: no quorum would ever come of waiting for them.
 */
export function roll(facts: Facts, configDigest: string): RollDecision {
  const { spec, statefulSet, status } = facts;
  const revision = statefulSet?.updateRevision;
  if (statefulSet === undefined || revision === undefined) return nothing;
  const options = {
    servers: statefulSet.replicas,
    maxLag: spec.update.maxLag,
    quarantined: quarantinedOf(facts),
  };
  const outdated = facts.pods.filter((pod) => isOutdated(facts, pod, revision, configDigest));
  const isApproved =
    spec.update.strategy === 'Auto' || facts.annotations[annotations.rollApproved] === revision;
  const state = (step: Rollout['step'], victim?: string, blockedBy: readonly string[] = []) =>
    decided(facts, { step, revision, blockedBy, ...(victim === undefined ? {} : { victim }) });

  if (outdated.length > 0 && !isApproved) {
    return state('Approval', undefined, [
      `the annotation ${annotations.rollApproved} is not ${revision}`,
    ]);
  }
  const dead = outdated.filter((pod) => isDead(facts, pod));
  if (dead.length > 0) {
    return { ...state('Replacing', dead[0]?.name), actions: dead.map((pod) => evict(pod, false)) };
  }
  const reasons = blockers(facts, options);
  const before = status.rollout;
  if (outdated.length === 0) {
    if (before?.step === undefined || reasons.length === 0) return nothing;
    return state('Settling', before.victim, reasons);
  }
  const leader = metaOf(facts)?.leader;
  const victim = nextVictim(outdated, leader);
  if (reasons.length > 0) {
    return state('Waiting', onItsWay(facts) ?? before?.victim ?? victim.name, reasons);
  }
  if (!hasSettled(facts)) {
    return state('Waiting', victim.name, ['all has been well for too short a time']);
  }
  if (victim.name !== leader || statefulSet.replicas === 1) {
    return { ...state('Stopping', victim.name), actions: [evict(victim, true)] };
  }
  return { ...state('StepDown', victim.name), actions: [stepDown(facts, victim.name)] };
}

/** Two readings in a row, `settleSeconds` apart, with nothing to complain of between them. */
export function hasSettled({ memory, nowMs, spec }: Facts): boolean {
  const { wellSinceMs } = memory;
  const settleMs = Math.max(1, spec.update.settleSeconds) * 1_000;
  return wellSinceMs !== undefined && nowMs - wellSinceMs >= settleMs;
}

export function stepDown(facts: Facts, leader: string): ClusterAction {
  const preferred = metaOf(facts)?.peers.find((peer) => peer.current && !peer.offline)?.name;
  return { do: 'stepDown', preferred, describe: `let ${leader} hand the meta group over` };
}

function isOutdated(facts: Facts, pod: PodFacts, revision: string, digest: string): boolean {
  if (pod.isTerminating) return false;
  if (pod.revision !== revision) return true;
  const server = serverOf(facts, pod.name);
  if (server === undefined || server.config === digest) return false;
  const refusal = facts.memory.refusedReloads.get(refusalKey(server.id, digest));
  return refusal !== undefined && needsRestart(refusal);
}

/** The words of a server whose new configuration is good, but not for a running server. */
export function needsRestart(refusal: string): boolean {
  return /config reload (is )?(not supported|does not support)/i.test(refusal);
}

function isDead(facts: Facts, pod: PodFacts): boolean {
  if (pod.isReady || serverOf(facts, pod.name) !== undefined) return false;
  return pod.waiting !== undefined || facts.nowMs - pod.createdMs > deadAfterMs;
}

/** The server that was stopped last, until its pod is ready again. */
function onItsWay({ pods, cluster, statefulSet }: Facts): string | undefined {
  const names = Array.from({ length: statefulSet?.replicas ?? 0 }, (_, ordinal) =>
    podName(cluster.name, ordinal),
  );
  return names.find((name) => {
    const pod = pods.find((each) => each.name === name);
    return pod === undefined || pod.isTerminating || !pod.isReady;
  });
}

/** The highest ordinal first, and the leader of the meta group after all others. */
function nextVictim(outdated: readonly PodFacts[], leader: string | undefined): PodFacts {
  const order = [...outdated].sort((a, b) => {
    if ((a.name === leader) !== (b.name === leader)) return a.name === leader ? 1 : -1;
    return b.ordinal - a.ordinal;
  });
  const [first] = order;
  if (first === undefined) throw new Error('a roll without a victim');
  return first;
}

function evict(pod: PodFacts, isServing: boolean): ClusterAction {
  const describe = isServing
    ? `stop ${pod.name}, so that it starts with the new settings`
    : `replace ${pod.name}, which serves nobody`;
  return { do: 'evict', pod: pod.name, uid: pod.uid, isServing, describe };
}

function decided(facts: Facts, rollout: Omit<Rollout, 'startedAt'>): RollDecision {
  const before = facts.status.rollout;
  const isSame = before?.victim === rollout.victim && before?.revision === rollout.revision;
  const startedAt =
    isSame && before?.startedAt !== undefined
      ? before.startedAt
      : new Date(facts.nowMs).toISOString();
  const lastedMs = facts.nowMs - Date.parse(startedAt);
  const hasTimedOut =
    rollout.step !== 'Approval' && lastedMs > facts.spec.update.timeoutSeconds * 1_000;
  return { actions: [], rollout: { ...rollout, startedAt }, hasTimedOut };
}
