import { configMaps, pods, secrets } from '../api/core.ts';
import { natsClusters, natsUsers } from '../api/kinds.ts';
import { natsUserSpec } from '../api/nats-user.ts';
import { clusterLabel } from '../assets/cluster-endpoint.ts';
import { isReady } from '../assets/standing.ts';
import type { Cache } from '../control/cache.ts';
import type { Watch } from '../control/kind.ts';
import { type Key, type KubeObject, keyOf } from '../control/objects.ts';
import { userLabel } from './user-secret.ts';

/** The cluster that a user names, whether or not it is there. */
export function clusterKeyOf(user: KubeObject): Key | undefined {
  const ref = natsUserSpec.safeParse(user.spec).data?.clusterRef;
  if (ref === undefined) return undefined;
  return `${ref.namespace ?? user.metadata.namespace ?? ''}/${ref.name}`;
}

/** Changes elsewhere that concern a user. Pods only tell those that wait for their servers. */
export const userWatches: readonly Watch[] = [
  { resource: secrets, labelSelector: userLabel, keysOf: ownersOf },
  { resource: natsClusters, keysOf: (cluster, cache) => usersOf(keyOf(cluster), cache) },
  {
    resource: configMaps,
    labelSelector: clusterLabel,
    keysOf: (object, cache) => usersOf(labelledCluster(object), cache),
  },
  {
    resource: pods,
    labelSelector: clusterLabel,
    keysOf: (object, cache) => usersOf(labelledCluster(object), cache, (user) => !isReady(user)),
  },
];

function ownersOf({ metadata }: KubeObject): readonly Key[] {
  const owners = metadata.ownerReferences ?? [];
  return owners
    .filter(({ kind }) => kind === natsUsers.kind)
    .map(({ name }) => `${metadata.namespace ?? ''}/${name}`);
}

function labelledCluster({ metadata }: KubeObject): Key {
  return `${metadata.namespace ?? ''}/${metadata.labels?.[clusterLabel] ?? ''}`;
}

function usersOf(
  cluster: Key,
  cache: Cache,
  concerns: (user: KubeObject) => boolean = () => true,
): readonly Key[] {
  return cache
    .list(natsUsers)
    .filter((user) => clusterKeyOf(user) === cluster && concerns(user))
    .map(keyOf);
}
