import { numberOf, quantity } from '../../api/quantity.ts';
import { apiVersionOf, type KubeObject, type Resource } from '../../control/objects.ts';
import { digestOf } from '../digest.ts';
import { annotations, labelsOf, type Place } from '../names.ts';

/** A child as it is to be, and of which resource it is. */
export interface Child {
  readonly resource: Resource;
  readonly object: KubeObject;
}

export interface Owner extends Place {
  readonly uid: string;
  /** `windlass.dev/v1alpha1`. */
  readonly apiVersion: string;
  readonly kind: string;
}

/** A child of a cluster: it goes with it, and says by which digest it was made. */
export function child(
  resource: Resource,
  owner: Owner,
  name: string,
  body: Readonly<Record<string, unknown>>,
  annotated: Readonly<Record<string, string>> = {},
): Child {
  const digest = digestOf({ body, annotated });
  const object: KubeObject = {
    apiVersion: apiVersionOf(resource),
    kind: resource.kind,
    metadata: {
      name,
      namespace: owner.namespace,
      labels: labelsOf(owner.name),
      annotations: { ...annotated, [annotations.applied]: digest },
      ownerReferences: [
        {
          apiVersion: owner.apiVersion,
          kind: owner.kind,
          name: owner.name,
          uid: owner.uid,
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    ...body,
  };
  return { resource, object };
}

/**
 * Whether the child must be applied: it is not there, was made from something else, or somebody
 * has changed what the operator has set. What others have added stays.
 */
export function differs(wanted: KubeObject, live: KubeObject | undefined): boolean {
  return live === undefined || !includes(live, wanted);
}

/** Lists whose entries have names are compared by name, as server-side apply merges them. */
function includes(live: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted)) return Array.isArray(live) && includesList(live, wanted);
  if (isRecord(wanted)) {
    if (!isRecord(live)) return Object.keys(wanted).length === 0 && live === undefined;
    return Object.entries(wanted).every(([key, value]) => includes(live[key], value));
  }
  return live === wanted || isSameQuantity(live, wanted);
}

function includesList(live: readonly unknown[], wanted: readonly unknown[]): boolean {
  const isNamed = wanted.length > 0 && wanted.every((each) => nameIn(each) !== undefined);
  if (!isNamed) {
    return live.length === wanted.length && wanted.every((each, at) => includes(live[at], each));
  }
  return wanted.every((each) =>
    includes(
      live.find((other) => nameIn(other) === nameIn(each)),
      each,
    ),
  );
}

function nameIn(value: unknown): unknown {
  return isRecord(value) ? (value.uid ?? value.name) : undefined;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The API server writes `1000m` as `1`. */
function isSameQuantity(live: unknown, wanted: unknown): boolean {
  const [a, b] = [quantity.safeParse(live), quantity.safeParse(wanted)];
  return a.success && b.success && numberOf(a.data) === numberOf(b.data);
}
