import { configMaps, namespaces, pods, secrets } from '../api/core.ts';
import { accounts, natsClusters } from '../api/kinds.ts';
import type { Cache } from '../control/cache.ts';
import type { Watch } from '../control/kind.ts';
import { type Key, type KubeObject, keyOf, type Resource } from '../control/objects.ts';
import { clusterLabel } from './cluster-endpoint.ts';
import type { Connections } from './connections.ts';
import type { Lookup } from './lookup.ts';
import { type DefaultConnection, placeOf, referenceOf } from './place.ts';
import { rivalKeys } from './rivals.ts';
import { isReady } from './standing.ts';

/** What the kinds of assets are made of. */
export interface AssetParts {
  readonly connections: Connections;
  readonly lookup: Lookup;
  readonly defaultConnection?: DefaultConnection;
  /** Somebody's change was undone; for a metric. */
  readonly onRepair?: (kind: string) => void;
}

const ofClusters = clusterLabel;

/**
 * Changes elsewhere that concern an asset. Assets that are as wanted are not looked at for the
 * sake of their cluster's pods and Secrets: advisories and the resync tell of them.
 */
export function watchesOf(
  own: Resource,
  rivals: readonly Resource[],
  parts: AssetParts,
): readonly Watch[] {
  const concerned = (object: KubeObject, cache: Cache) => waitingFor(object, own, cache, parts);
  const ofLabel = (object: KubeObject, cache: Cache) => {
    const name = object.metadata.labels?.[clusterLabel];
    if (name === undefined) return [];
    const cluster = cache.get(natsClusters, `${object.metadata.namespace}/${name}`);
    return cluster === undefined ? [] : concerned(cluster, cache);
  };
  return [
    ...rivals.map((resource) => ({
      resource,
      keysOf: (object: KubeObject, cache: Cache) => rivalKeys(object, own, cache),
    })),
    { resource: natsClusters, keysOf: concerned },
    { resource: accounts, keysOf: concerned },
    { resource: pods, labelSelector: ofClusters, keysOf: ofLabel },
    { resource: secrets, labelSelector: ofClusters, keysOf: ofLabel },
    { resource: configMaps, labelSelector: ofClusters, keysOf: ofLabel },
    { resource: namespaces, keysOf: (object, cache) => deletedIn(object, own, cache) },
  ];
}

/** Objects that name it, and are not as wanted or about to go. */
function waitingFor(
  changed: KubeObject,
  own: Resource,
  cache: Cache,
  parts: AssetParts,
): readonly Key[] {
  return cache
    .list(own)
    .filter((each) => !isReady(each) || each.metadata.deletionTimestamp !== undefined)
    .filter((each) => names(each, changed, cache, parts.defaultConnection))
    .map(keyOf);
}

function names(
  object: KubeObject,
  changed: KubeObject,
  cache: Cache,
  byDefault: DefaultConnection | undefined,
): boolean {
  try {
    const reference = referenceOf(placeOf(object, cache, byDefault));
    return reference?.key === keyOf(changed) && reference.resource.kind === changed.kind;
  } catch {
    // It names nothing yet; the first cluster of its namespace may be what it waits for.
    return object.metadata.namespace === changed.metadata.namespace;
  }
}

function deletedIn(namespace: KubeObject, own: Resource, cache: Cache): readonly Key[] {
  if (namespace.metadata.deletionTimestamp === undefined) return [];
  return cache
    .list(own, namespace.metadata.name)
    .filter(({ metadata }) => metadata.deletionTimestamp !== undefined)
    .map(keyOf);
}
