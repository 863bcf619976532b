import { z } from 'zod';
import { namespaces } from '../api/core.ts';
import type { Cache } from '../control/cache.ts';
import type { KubeObject } from '../control/objects.ts';
import { type DefaultConnection, placeOf, referenceOf } from './place.ts';
import { remembered } from './remembered.ts';

const status = z.object({
  status: z.object({
    observedGeneration: z.int().optional(),
    conditions: z.array(z.object({ type: z.string(), status: z.string() })).default([]),
  }),
});

/** Whether the object, as it is specified now, was as wanted when its status was written. */
export function wasReady(object: KubeObject): boolean {
  const parsed = status.safeParse(object).data?.status;
  if (parsed === undefined || parsed.observedGeneration !== object.metadata.generation)
    return false;
  return isReadyIn(parsed.conditions);
}

/** Whether the status says so, of whatever generation. */
export const isReady = remembered((object) =>
  isReadyIn(status.safeParse(object).data?.status.conditions ?? []),
);

function isReadyIn(conditions: readonly { type: string; status: string }[]): boolean {
  return conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
}

/**
 * Why a deleted object must not touch its asset: everything around it is about to go, and who
 * deletes a whole namespace or cluster has said what becomes of the data elsewhere.
 */
export function isGoing(
  object: KubeObject,
  cache: Cache,
  byDefault: DefaultConnection | undefined,
): string | undefined {
  const { namespace } = object.metadata;
  const around = namespace === undefined ? undefined : cache.get(namespaces, namespace);
  if (around?.metadata.deletionTimestamp !== undefined) return 'Its namespace is terminating.';
  const reference = referenceIn(object, cache, byDefault);
  if (reference === undefined) return undefined;
  const target = cache.get(reference.resource, reference.key);
  const what = `${reference.resource.kind} ${reference.key}`;
  if (target === undefined) return `${what} is gone.`;
  return target.metadata.deletionTimestamp === undefined ? undefined : `${what} is going.`;
}

function referenceIn(object: KubeObject, cache: Cache, byDefault: DefaultConnection | undefined) {
  try {
    return referenceOf(placeOf(object, cache, byDefault));
  } catch {
    return undefined;
  }
}
