import type { Plan } from '../control/kind.ts';
import type { ClusterAction } from './actions.ts';
import type { Owner } from './children/child.ts';
import { templateRevision } from './children/pod-template.ts';
import { type Decisions, decide } from './decide.ts';
import { deletion } from './deletion.ts';
import { type Facts, metaOf } from './facts.ts';
import { ailments, conditions, type Progress } from './health.ts';
import { commonConfig, commonVersion, members } from './members.ts';
import { annotations, clientUrl, selectorOf } from './names.ts';
import { removedPeers } from './scale.ts';

const lookAgainMs = 2_000;
/** What servers say by themselves of their health reaches nobody: they are asked. */
const watchOverMs = 30_000;

/** Pure: what is to be done with a cluster now, and what its status is. */
export function plan(owner: Owner, facts: Facts): Plan<ClusterAction> {
  if (facts.isDeleted) return deletion(facts);
  if (facts.isNamespaceTerminating) {
    const message = 'The namespace is being deleted.';
    return { actions: [], phase: 'progressing', reason: 'NamespaceTerminating', message };
  }
  const decisions = decide(owner, facts);
  const progress = progressOf(facts, decisions);
  const { problems, underWay } = progress;
  const own = { conditions: conditions(facts, progress), ...statusOf(facts, decisions) };
  const { actions } = decisions;
  const [problem] = problems;
  if (problem !== undefined) {
    return { actions, phase: 'stalled', ...problem, requeueAfterMs: watchOverMs, ...own };
  }
  if (underWay !== undefined) {
    const isWaiting = decisions.roll.rollout?.step === 'Approval';
    const requeueAfterMs = isWaiting ? watchOverMs : lookAgainMs;
    return { actions, phase: 'progressing', ...underWay, requeueAfterMs, ...own };
  }
  const message = `${facts.pods.length} servers run as they should.`;
  const requeueAfterMs = watchOverMs;
  return { actions, phase: 'ready', reason: 'Ready', message, requeueAfterMs, ...own };
}

function progressOf(facts: Facts, decisions: Decisions): Progress {
  return {
    problems: problemsOf(facts, decisions),
    underWay: underWayOf(facts, decisions),
    versionRefusal: decisions.version.refusal,
    ailments: ailments(facts, decisions.scale.replicas),
  };
}

function problemsOf(facts: Facts, decisions: Decisions): Progress['problems'] {
  const { credentials: keys, version, scale: size, replacement: volume, roll: rolling } = decisions;
  const { rollout } = rolling;
  const refusals = [
    version.refusal,
    size.refusal,
    volume.refusal,
    decisions.reload.refusal,
    facts.certificates.problem,
  ].filter((each) => each !== undefined);
  return [
    ...(keys.kind === 'lost' ? [{ reason: 'CredentialsLost', message: keys.message }] : []),
    ...refusals,
    ...(rolling.hasTimedOut && rollout !== undefined
      ? [
          {
            reason: 'RollTimedOut',
            message: `The roll waits for too long: ${rollout.blockedBy.join('; ')}.`,
          },
        ]
      : []),
  ];
}

/** The first of what goes on, in the order in which one waits for the other. */
function underWayOf(facts: Facts, decisions: Decisions): Progress['underWay'] {
  const { scale: size, replacement: volume, reload: reloading, roll: rolling } = decisions;
  const waits = (blockedBy: readonly string[]) =>
    blockedBy.length === 0 ? '.' : `, which waits: ${blockedBy.join('; ')}.`;
  if (decisions.configuration === undefined) {
    return { reason: 'Preparing', message: 'Keys and certificates are being made.' };
  }
  if (size.step !== undefined) {
    const message = `To ${facts.spec.replicas} servers: ${size.step}${waits(size.blockedBy)}`;
    return { reason: 'Scaling', message };
  }
  if (volume.victim !== undefined) {
    const message = `The volume of ${volume.victim} is replaced${waits(volume.blockedBy)}`;
    return { reason: 'ReplacingVolume', message };
  }
  const { rollout } = rolling;
  if (rollout !== undefined) {
    const victim = rollout.victim === undefined ? '' : ` ${rollout.victim}`;
    const message = `Rolling${victim}: ${rollout.step}${waits(rollout.blockedBy)}`;
    const reason = rollout.step === 'Approval' ? 'WaitingForApproval' : 'Rolling';
    return { reason, message };
  }
  if (reloading.behind.length > 0) {
    const message = `${reloading.behind.join(', ')} have not loaded the configuration yet.`;
    return { reason: 'Reloading', message };
  }
  const [first] = decisions.actions;
  if (first !== undefined) return { reason: 'Applying', message: `Next: ${first.describe}.` };
  const [ailing] = ailments({ ...facts, assets: [] }, size.replicas);
  return ailing === undefined ? undefined : { reason: 'ServersNotReady', message: `${ailing}.` };
}

function statusOf(
  facts: Facts,
  decisions: Decisions,
): Pick<Plan<ClusterAction>, 'status' | 'figures'> {
  const { cluster, pods, statefulSet } = facts;
  const { replicas } = decisions.scale;
  const removed = removedPeers(facts, decisions.scale);
  const labels = Object.entries(selectorOf(cluster.name));
  return {
    status: {
      replicas: pods.length,
      readyReplicas: pods.filter(({ isReady, isTerminating }) => isReady && !isTerminating).length,
      selector: labels.map(([key, value]) => `${key}=${value}`).join(','),
      version: commonVersion(facts),
      url: clientUrl(cluster),
      metaLeader: metaOf(facts)?.leader,
      templateRevision: statefulSet?.annotations[annotations.templateRevision] ?? templateRevision,
      configHash: commonConfig(facts),
      ...(removed.length === 0 ? {} : { removedPeers: removed }),
      rollout: decisions.roll.rollout,
    },
    figures: { members: members(facts, replicas) },
  };
}
