import { numberOf } from '../api/quantity.ts';
import type { ClusterAction } from './actions.ts';
import type { Facts } from './facts.ts';

export interface StorageDecision {
  readonly actions: readonly ClusterAction[];
  /** What each server has at least; the limits of JetStream follow from it. */
  readonly volumeBytes: number;
}

/**
 * A volume grows by its claim. The claim template of a StatefulSet never changes, so that the
 * StatefulSet is made anew afterwards, without its pods and volumes noticing.
 */
export function storage({ spec, claims, statefulSet }: Facts): StorageDecision {
  const wanted = numberOf(spec.storage.size);
  const present = claims.filter(({ isTerminating, isLost }) => !isTerminating && !isLost);
  const capacities = present.flatMap(({ capacityBytes }) =>
    capacityBytes === undefined ? [] : [capacityBytes],
  );
  const volumeBytes = Math.min(wanted, ...capacities);
  const small = present.filter(({ requestBytes }) => requestBytes < wanted);
  if (small.length > 0) {
    return {
      volumeBytes,
      actions: small.map(({ name }) => ({
        do: 'growClaim',
        name,
        size: `${spec.storage.size}`,
        describe: `grow the volume ${name} to ${spec.storage.size}`,
      })),
    };
  }
  const isOld = statefulSet?.claimSize !== undefined && numberOf(statefulSet.claimSize) < wanted;
  if (!isOld || statefulSet.isTerminating) return { volumeBytes, actions: [] };
  const describe = 'make the StatefulSet anew, with larger volumes, and leave its pods alone';
  return { volumeBytes, actions: [{ do: 'orphanStatefulSet', uid: statefulSet.uid, describe }] };
}
