import { natsUsers } from '../api/kinds.ts';
import type { NatsClusterSpec } from '../api/nats-cluster.ts';
import { natsUserSpec, natsUserStatus } from '../api/nats-user.ts';
import type { Cache } from '../control/cache.ts';
import { type Key, type KubeObject, keyOf } from '../control/objects.ts';
import { permissionsOf } from '../nats-user/permissions.ts';
import type { ConfiguredUser } from './configuration.ts';
import type { Place } from './names.ts';

/** The cluster that a NatsUser is of; undefined when its spec cannot be read. */
export function clusterOfUser(user: KubeObject): Key | undefined {
  const parsed = natsUserSpec.safeParse(user.spec);
  if (!parsed.success) return undefined;
  const { namespace = user.metadata.namespace ?? '', name } = parsed.data.clusterRef;
  return `${namespace}/${name}`;
}

/**
 * The users of a cluster as nats.conf has them: each key that a NatsUser shows, so that an old
 * one works until its overlap ends. Of another namespace only where the cluster allows it.
 */
export function configuredUsers(
  cluster: Place,
  spec: NatsClusterSpec,
  cache: Cache,
): readonly ConfiguredUser[] {
  const key = keyOf({ metadata: cluster });
  const seen = new Set<string>();
  return cache
    .list(natsUsers)
    .filter((user) => clusterOfUser(user) === key && isAllowed(user, cluster, spec))
    .flatMap((user) => usersOf(user, spec))
    .filter(({ publicKey }) => {
      // A server refuses a configuration in which a key is there twice.
      const isNew = !seen.has(publicKey);
      seen.add(publicKey);
      return isNew;
    });
}

function isAllowed(
  { metadata }: KubeObject,
  cluster: Place,
  { allowedNamespaces }: NatsClusterSpec,
): boolean {
  const { namespace = '' } = metadata;
  if (namespace === cluster.namespace || allowedNamespaces.from === 'All') return true;
  return allowedNamespaces.from === 'Names' && allowedNamespaces.names.includes(namespace);
}

function usersOf(user: KubeObject, { accounts }: NatsClusterSpec): readonly ConfiguredUser[] {
  const spec = natsUserSpec.safeParse(user.spec).data;
  const keys = natsUserStatus.safeParse(user.status ?? {}).data?.publicKeys ?? [];
  const account = spec?.clusterRef.account ?? accounts[0]?.name;
  if (spec === undefined || !accounts.some(({ name }) => name === account)) return [];
  if (account === undefined) return [];
  const permissions = permissionsOf(spec, user.metadata);
  return keys
    .filter((key) => /^U[A-Z2-7]{55}$/.test(key))
    .map((publicKey) => ({ account, publicKey, permissions }));
}
