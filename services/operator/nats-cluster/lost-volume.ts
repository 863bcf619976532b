import type { ClusterAction } from './actions.ts';
import { nameOf } from './assets.ts';
import { type ClaimFacts, type Facts, metaOf, quarantinedOf, serverOf } from './facts.ts';
import { blockers } from './gate.ts';
import { annotations, children, liveKeyOf, ordinalOf } from './names.ts';
import { hasSettled, stepDown } from './roll.ts';

export interface ReplacementDecision {
  readonly actions: readonly ClusterAction[];
  /** Kept at the headless Service, so that one request replaces one volume. */
  readonly replacing: string | undefined;
  /** Absent when nothing is to be replaced. */
  readonly victim?: string;
  readonly blockedBy: readonly string[];
  readonly refusal?: { readonly reason: string; readonly message: string };
}

/**
 * A server whose volume is lost, or that somebody wants to have a new one, comes back under its
 * own name with an empty disk, and the others give it all that it had: under a new name the old
 * one would count for the quorum for ever. Only when every other replica is current.
 */
export function replacement(facts: Facts): ReplacementDecision {
  const asked = facts.annotations[annotations.replaceNode];
  const replacing = recorded(facts, asked);
  const lost = facts.claims.find(({ isLost, isTerminating }) => isLost && !isTerminating);
  if (lost !== undefined) return replaced(facts, lost, replacing);
  if (asked === undefined) return { actions: [], replacing: undefined, blockedBy: [] };
  const claim = facts.claims.find(({ pod }) => pod === asked);
  const isStored = stored(facts) === replacing;
  const isNext = isStored && claim !== undefined && replacing === `${asked}/${claim.uid}`;
  if (!isNext || claim.isTerminating) return { actions: [], replacing, blockedBy: [] };
  return replaced(facts, claim, replacing);
}

/** The server that is asked for, until its volume is another one: what the gate leaves out. */
export function askedVictim(facts: Facts): string | undefined {
  const asked = facts.annotations[annotations.replaceNode];
  const claim = facts.claims.find(({ pod }) => pod === asked);
  return claim !== undefined && recorded(facts, asked) === `${asked}/${claim.uid}`
    ? asked
    : undefined;
}

/** The first time that a server is asked for, its present claim; later the same text. */
function recorded(facts: Facts, asked: string | undefined): string | undefined {
  if (asked === undefined) return undefined;
  const before = stored(facts);
  if (before?.startsWith(`${asked}/`)) return before;
  const claim = facts.claims.find(({ pod }) => pod === asked);
  return claim === undefined ? undefined : `${asked}/${claim.uid}`;
}

/** Not at the StatefulSet, which is made anew when volumes grow. */
function stored({ live, cluster }: Facts): string | undefined {
  const service = live.get(liveKeyOf('Service', children(cluster.name).headlessService));
  return service?.metadata.annotations?.[annotations.replacing];
}

function replaced(
  facts: Facts,
  claim: ClaimFacts,
  replacing: string | undefined,
): ReplacementDecision {
  const victim = claim.pod;
  const servers = facts.statefulSet?.replicas ?? facts.spec.replicas;
  const waiting = (blockedBy: readonly string[], actions: readonly ClusterAction[] = []) => ({
    actions,
    replacing,
    victim,
    blockedBy,
  });
  if ((ordinalOf(facts.cluster.name, victim) ?? servers) >= servers) return waiting([]);
  if (servers === 1) {
    const message = `${victim} has the only copy: delete its volume by hand if it may be lost.`;
    return { ...waiting([]), refusal: { reason: 'OnlyCopy', message } };
  }
  const { maxLag } = facts.spec.update;
  const quarantined = quarantinedOf(facts);
  if (metaOf(facts)?.leader === victim) return waiting([], [stepDown(facts, victim)]);
  const single = facts.assets.filter(
    ({ replicas, on, consumer }) => replicas === 1 && consumer === undefined && on.includes(victim),
  );
  if (serverOf(facts, victim) !== undefined && single.length > 0) {
    const moves = single
      .filter(({ isMoving }) => !isMoving)
      .map((asset): ClusterAction => {
        const { account, stream } = asset;
        const describe = `move ${nameOf(asset)} off ${victim}, which has its only replica`;
        return { do: 'moveStream', account, stream, from: victim, describe };
      });
    return waiting([`${single.length} streams have their only replica on ${victim}`], moves);
  }
  const reasons = blockers(facts, { servers, maxLag, quarantined, without: victim });
  if (reasons.length > 0) return waiting(reasons);
  if (!claim.isLost && !hasSettled(facts)) {
    return waiting(['all has been well for too short a time']);
  }
  const pod = facts.pods.find(({ name }) => name === victim);
  return waiting(
    [],
    [
      {
        do: 'deleteClaim',
        name: claim.name,
        uid: claim.uid,
        describe: `delete the volume of ${victim}`,
      },
      ...(pod === undefined || pod.isTerminating
        ? []
        : [
            {
              do: 'evict' as const,
              pod: pod.name,
              uid: pod.uid,
              isServing: pod.isReady,
              describe: `stop ${victim}, so that it starts with an empty volume`,
            },
          ]),
    ],
  );
}
