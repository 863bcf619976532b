import { consumers, keyValues, objectStores, streams } from '../api/kinds.ts';
import type { Cache } from '../control/cache.ts';
import { type Key, type KubeObject, keyOf, type Resource } from '../control/objects.ts';
import type { Owner } from './ownership.ts';
import { connectionSpecOf, type DefaultConnection, placeOf, targetOf } from './place.ts';
import { remembered } from './remembered.ts';

/** Kinds whose assets share one set of names: a bucket is a stream as well. */
export const streamLike: readonly Resource[] = [streams, keyValues, objectStores];

/** `STREAM` or `STREAM/CONSUMER`: what the asset is called in its target. */
export const assetIdOf = remembered((object): string | undefined => {
  const spec = object.spec;
  if (typeof spec !== 'object' || spec === null) return undefined;
  const field = (name: string): string | undefined => {
    const value: unknown = Reflect.get(spec, name);
    return typeof value === 'string' ? value : undefined;
  };
  switch (object.kind) {
    case streams.kind:
      return field('name');
    case keyValues.kind:
      return prefixed('KV_', field('bucket'));
    case objectStores.kind:
      return prefixed('OBJ_', field('bucket'));
    case consumers.kind:
      return prefixed(`${field('streamName')}/`, field('durableName'));
    default:
      return undefined;
  }
});

/** Of a consumer: what its stream is called. */
export const streamNameOf = remembered((object): string | undefined =>
  object.kind === consumers.kind ? assetIdOf(object)?.split('/', 1)[0] : undefined,
);

function prefixed(prefix: string, name: string | undefined): string | undefined {
  return name === undefined ? undefined : `${prefix}${name}`;
}

/** Undefined where it cannot be told, as when there is no such cluster. */
export function targetOfObject(
  object: KubeObject,
  cache: Cache,
  byDefault: DefaultConnection | undefined,
): string | undefined {
  try {
    return targetOf(placeOf(object, cache, byDefault), connectionSpecOf(object));
  } catch {
    return undefined;
  }
}

/** Live objects of `resources` that call an asset so, whatever target it is in. */
export function namedAlike(
  assetId: string,
  resources: readonly Resource[],
  cache: Cache,
): readonly KubeObject[] {
  return resources.flatMap((resource) =>
    cache
      .find(resource, assetIdOf, assetId)
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined),
  );
}

export interface RivalSearch {
  readonly object: KubeObject;
  readonly assetId: string;
  readonly target: string;
  /** Kinds that may claim the same asset. */
  readonly resources: readonly Resource[];
  readonly cache: Cache;
  readonly byDefault: DefaultConnection | undefined;
  /** Whose stamp the asset has. */
  readonly owner: Owner | undefined;
}

/** Other objects that claim the same asset, by their spec or by the stamp on it. */
export function rivalsOf(search: RivalSearch): readonly KubeObject[] {
  const { object, assetId, target, resources, cache, byDefault, owner } = search;
  return namedAlike(assetId, resources, cache).filter(
    (each) =>
      each.metadata.uid !== object.metadata.uid &&
      (each.metadata.uid === owner?.uid || targetOfObject(each, cache, byDefault) === target),
  );
}

/** The oldest of them all, unless it is the object itself. */
export function winnerOf(
  object: KubeObject,
  rivals: readonly KubeObject[],
): KubeObject | undefined {
  const [first] = [object, ...rivals].sort((one, other) => (ageOf(one) < ageOf(other) ? -1 : 1));
  return first === object ? undefined : first;
}

function ageOf({ metadata }: KubeObject): string {
  return `${metadata.creationTimestamp ?? ''} ${metadata.uid ?? ''}`;
}

export function nameOf(object: KubeObject): string {
  return `${object.kind} ${keyOf(object)}`;
}

/** Keys of one kind's objects that the arrival or the end of a rival concerns. */
export function rivalKeys(changed: KubeObject, own: Resource, cache: Cache): readonly Key[] {
  const assetId = assetIdOf(changed);
  if (assetId === undefined) return [];
  return namedAlike(assetId, [own], cache)
    .filter(({ metadata }) => metadata.uid !== changed.metadata.uid)
    .map(keyOf);
}
