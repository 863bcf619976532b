import type { Key, KubeObject } from '../control/objects.ts';
import { keyOf } from '../control/objects.ts';
import type { Config } from './differences.ts';

const ownerKey = 'windlass.dev/owner';
const uidKey = 'windlass.dev/owner-uid';
export const adoptAnnotation = 'windlass.dev/adopt';

/** Who an asset says it belongs to. */
export interface Owner {
  readonly key: Key;
  readonly uid: string;
}

/** The metadata by which an asset says that it belongs to the object. */
export function stampOf(object: KubeObject): Readonly<Record<string, string>> {
  return { [ownerKey]: keyOf(object), [uidKey]: object.metadata.uid ?? '' };
}

export function ownerOf(config: Config): Owner | undefined {
  const { metadata } = config;
  if (typeof metadata !== 'object' || metadata === null) return undefined;
  const { [ownerKey]: key, [uidKey]: uid } = Object.fromEntries(Object.entries(metadata));
  return typeof key === 'string' && typeof uid === 'string' ? { key, uid } : undefined;
}

/** Only such an asset is ever deleted. */
export function isOwnedBy(object: KubeObject, owner: Owner | undefined): boolean {
  return owner !== undefined && owner.uid === object.metadata.uid;
}

/**
 * Whether the object may make the asset its own. `windlass.dev/adopt: never` forbids it for every
 * asset that is there already. What another object that is not in this cluster has taken from us
 * is left to it, since two operators would otherwise take it from each other for ever; `force`
 * takes it back.
 */
export function mayAdopt(
  object: KubeObject,
  owner: Owner | undefined,
  hadItBefore: boolean,
): boolean {
  const adopt = object.metadata.annotations?.[adoptAnnotation];
  if (adopt === 'never') return false;
  return owner === undefined || owner.key === keyOf(object) || !hadItBefore || adopt === 'force';
}
