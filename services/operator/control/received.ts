import { KubeError } from './kube-error.ts';
import { apiVersionOf, type KubeObject, type Resource } from './objects.ts';

interface Page {
  readonly items: readonly KubeObject[];
  readonly resourceVersion: string;
  /** The position of the next page; absent on the last one. */
  readonly continue: string | undefined;
}

/**
 * An object of an answer, frozen, and without `metadata.managedFields`, which nothing reads and
 * which are half of many an object. Items of a list do not say what they are; here they do.
 */
export function objectOf(resource: Resource, value: unknown): KubeObject {
  if (!isRecord(value) || !isRecord(value.metadata)) throw notUnderstood(resource);
  const { managedFields: _, ...metadata } = value.metadata;
  const object = { apiVersion: apiVersionOf(resource), kind: resource.kind, ...value, metadata };
  if (!isKubeObject(object)) throw notUnderstood(resource);
  return frozen(object);
}

export function listOf(resource: Resource, value: unknown): Page {
  if (!isRecord(value) || !isRecord(value.metadata)) throw notUnderstood(resource);
  const { resourceVersion, continue: position } = value.metadata;
  const items = value.items ?? [];
  if (!Array.isArray(items) || typeof resourceVersion !== 'string') throw notUnderstood(resource);
  return {
    items: items.map((item) => objectOf(resource, item)),
    resourceVersion,
    continue: typeof position === 'string' && position !== '' ? position : undefined,
  };
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isKubeObject(
  value: Readonly<Record<string, unknown>> & { readonly metadata: object },
): value is KubeObject {
  const { apiVersion, kind, metadata } = value;
  const named = 'name' in metadata && typeof metadata.name === 'string';
  return named && typeof apiVersion === 'string' && typeof kind === 'string';
}

/** Many read the same object, and none may change it for the others. */
function frozen<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null) return value;
  for (const each of Object.values(value)) frozen(each);
  return Object.freeze(value);
}

function notUnderstood(resource: Resource): KubeError {
  return new KubeError(`the API server answered something else than ${resource.plural}`, {
    status: 0,
    reason: 'Unreachable',
  });
}
