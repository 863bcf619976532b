import type { Plan } from '../control/kind.ts';
import type { ClusterAction } from './actions.ts';
import type { Facts } from './facts.ts';
import { children } from './names.ts';

/**
 * The children go with their owner. Volumes, and the keys that a cluster over them needs again,
 * stay unless the spec says otherwise.
 */
export function deletion({ spec, claims, credentials, cluster }: Facts): Plan<ClusterAction> {
  const done = { phase: 'progressing', reason: 'Deleting', isReleased: true } as const;
  if (spec.storage.whenDeleted === 'Retain') {
    return { ...done, actions: [], message: 'The volumes stay.' };
  }
  const present = claims.filter(({ isTerminating }) => !isTerminating);
  const secret = children(cluster.name).credentials;
  const actions: ClusterAction[] = [
    ...present.map(({ name, uid }) => ({
      do: 'deleteClaim' as const,
      name,
      uid,
      describe: `delete the volume ${name}`,
    })),
    ...(credentials === undefined
      ? []
      : [{ do: 'deleteSecret' as const, name: secret, describe: `delete Secret ${secret}` }]),
  ];
  return { ...done, actions, message: 'The volumes go with the cluster.' };
}
