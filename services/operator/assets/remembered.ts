import type { KubeObject } from '../control/objects.ts';

/**
 * What is read of an object, once for each version of it: objects of the cache never change, and
 * each reconciliation looks at all that may be rivals.
 */
export function remembered<Value>(
  read: (object: KubeObject) => Value,
): (object: KubeObject) => Value {
  const values = new WeakMap<KubeObject, { readonly value: Value }>();
  return (object) => {
    const known = values.get(object);
    if (known !== undefined) return known.value;
    const value = read(object);
    values.set(object, { value });
    return value;
  };
}
