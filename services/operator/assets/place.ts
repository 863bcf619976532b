import { z } from 'zod';
import { connection } from '../api/connection.ts';
import { accounts as accountResource, natsClusters } from '../api/kinds.ts';
import { natsClusterSpec } from '../api/nats-cluster.ts';
import type { Cache } from '../control/cache.ts';
import { ReconcileError } from '../control/kind.ts';
import { type Key, type KubeObject, keyOf } from '../control/objects.ts';
import { remembered } from './remembered.ts';

const connectionSpec = z.object(connection);
export type ConnectionSpec = z.output<typeof connectionSpec>;

/** Where assets are that do not say it, as the flags of NACK's controller do. */
export interface DefaultConnection {
  readonly servers: readonly string[];
  readonly creds?: string;
  readonly nkey?: string;
}

/** Where an object says that its asset is, before anything of it is looked up. */
export type Place =
  | { readonly kind: 'cluster'; readonly cluster: Key; readonly account: string | undefined }
  | { readonly kind: 'account'; readonly account: Key }
  | { readonly kind: 'servers'; readonly servers: readonly string[] };

/**
 * `clusterRef`, an Account, or servers. An object that names none of them is in the default
 * connection of the operator or, without one, in the only NatsCluster of its namespace.
 */
export function placeOf(
  object: KubeObject,
  cache: Cache,
  byDefault: DefaultConnection | undefined,
): Place {
  const spec = connectionSpecOf(object);
  const { namespace = '' } = object.metadata;
  if (spec.clusterRef !== undefined) {
    const cluster = `${spec.clusterRef.namespace ?? namespace}/${spec.clusterRef.name}`;
    const account = spec.clusterRef.account ?? firstAccountOf(cluster, cache);
    return { kind: 'cluster', cluster, account };
  }
  if (spec.account !== undefined && spec.account !== '') {
    return { kind: 'account', account: `${namespace}/${spec.account}` };
  }
  const servers = spec.servers.length > 0 ? spec.servers : (byDefault?.servers ?? []);
  if (servers.length > 0) return { kind: 'servers', servers };
  const [only, ...others] = cache.list(natsClusters, namespace);
  if (only === undefined || others.length > 0) {
    const text = 'The object names no clusterRef, account or servers.';
    throw new ReconcileError('NoConnection', text, { isStalled: true });
  }
  return { kind: 'cluster', cluster: keyOf(only), account: firstAccountOf(keyOf(only), cache) };
}

export const connectionSpecOf = remembered((object): ConnectionSpec => {
  const parsed = connectionSpec.safeParse(object.spec ?? {});
  if (parsed.success) return parsed.data;
  throw new ReconcileError('InvalidSpec', 'The connection cannot be read.', { isStalled: true });
});

function firstAccountOf(cluster: Key, cache: Cache): string | undefined {
  const object = cache.get(natsClusters, cluster);
  return object === undefined ? undefined : firstAccountIn(object);
}

const firstAccountIn = remembered(
  (cluster) => natsClusterSpec.safeParse(cluster.spec).data?.accounts[0]?.name,
);

/**
 * Names the name space in which two assets of one name are the same one. Two ways of naming the
 * same servers are told apart; the stamp of the asset finds those.
 */
export function targetOf(place: Place, spec: ConnectionSpec): string {
  const domain = spec.jsDomain ? `, domain ${spec.jsDomain}` : '';
  switch (place.kind) {
    case 'cluster':
      return `NatsCluster ${place.cluster}, account ${place.account ?? 'unknown'}${domain}`;
    case 'account':
      return `Account ${place.account}${domain}`;
    case 'servers': {
      const user = spec.creds || spec.nkey ? ` with ${spec.creds || spec.nkey}` : '';
      return `${[...place.servers].sort().join(', ')}${user}${domain}`;
    }
  }
}

/** The object that the place names, with its resource, for whoever watches it. */
export function referenceOf(place: Place) {
  if (place.kind === 'cluster') return { resource: natsClusters, key: place.cluster };
  if (place.kind === 'account') return { resource: accountResource, key: place.account };
  return undefined;
}
