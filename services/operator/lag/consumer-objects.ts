import { consumerSpec } from '../api/consumer.ts';
import { consumers } from '../api/kinds.ts';
import { type DefaultConnection, placeOf, targetOf } from '../assets/place.ts';
import type { Cache } from '../control/cache.ts';
import { ReconcileError } from '../control/kind.ts';
import { type KubeObject, splitKey } from '../control/objects.ts';
import type { Consumer } from './consumers.ts';

/**
 * The Consumer objects of a namespace. One that is being deleted, or that says nothing of where
 * it is, is not there: asking for it is an error, and an HPA leaves its target as it is.
 */
export function consumersIn(
  cache: Cache,
  namespace: string,
  byDefault: DefaultConnection | undefined,
): readonly Consumer[] {
  return cache.list(consumers, namespace).flatMap((object) => {
    const consumer = consumerOf(object, cache, byDefault);
    return consumer === undefined ? [] : [consumer];
  });
}

function consumerOf(
  object: KubeObject,
  cache: Cache,
  byDefault: DefaultConnection | undefined,
): Consumer | undefined {
  const parsed = consumerSpec.safeParse(object.spec);
  if (!parsed.success || object.metadata.deletionTimestamp !== undefined) return undefined;
  const { streamName, durableName } = parsed.data;
  try {
    const place = placeOf(object, cache, byDefault);
    return {
      name: object.metadata.name,
      stream: streamName,
      durable: durableName,
      ...namesOf(place),
      identity: JSON.stringify([targetOf(place, parsed.data), streamName, durableName]),
      object,
    };
  } catch (error) {
    if (error instanceof ReconcileError) return undefined;
    throw error;
  }
}

function namesOf(place: ReturnType<typeof placeOf>): Pick<Consumer, 'cluster' | 'account'> {
  switch (place.kind) {
    case 'cluster':
      return { cluster: splitKey(place.cluster).name, account: place.account };
    case 'account':
      return { cluster: undefined, account: splitKey(place.account).name };
    case 'servers':
      return { cluster: undefined, account: undefined };
  }
}
