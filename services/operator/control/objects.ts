/** One kind of object of the API server, as its paths name it. */
export interface Resource {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  /** RFC 3339. */
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly finalizers?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly OwnerReference[];
}

/** Any object, as the API server speaks it. Whoever reads more of it parses that first. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly [field: string]: unknown;
}

export type ConditionStatus = 'True' | 'False' | 'Unknown';

/** A condition as a plan states it; the loop adds the generation and the time of the change. */
export interface Condition {
  readonly type: string;
  readonly status: ConditionStatus;
  /** CamelCase, from a closed set: people and tools match it. */
  readonly reason: string;
  /** One sentence for a person. Never a secret. */
  readonly message: string;
}

/** A condition as it stands in `status.conditions`. */
export interface StoredCondition extends Condition {
  readonly observedGeneration: number;
  /** RFC 3339; changes only with `status`. */
  readonly lastTransitionTime: string;
}

/** Where an object is: `namespace/name`, or `name` when it has no namespace. */
export type Key = string;

export function keyOf({ metadata }: Pick<KubeObject, 'metadata'>): Key {
  return metadata.namespace === undefined
    ? metadata.name
    : `${metadata.namespace}/${metadata.name}`;
}

export function splitKey(key: Key): { readonly namespace?: string; readonly name: string } {
  const slash = key.indexOf('/');
  if (slash === -1) return { name: key };
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

export function apiVersionOf({ group, version }: Resource): string {
  return group === '' ? version : `${group}/${version}`;
}
