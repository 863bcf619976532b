/**
 * The part of the `Reflect` metadata proposal that `tsyringe`, which `@peculiar/x509` is built
 * on, refuses to load without. No class of theirs carries constructor metadata, so that keeping
 * what is defined on a class itself is enough.
 */
const metadata = new WeakMap<object, Map<unknown, unknown>>();

function own(key: unknown, target: object): unknown {
  return metadata.get(target)?.get(key);
}

function define(key: unknown, value: unknown, target: object): void {
  const known = metadata.get(target) ?? new Map<unknown, unknown>();
  metadata.set(target, known.set(key, value));
}

/** Leaves a polyfill that somebody else has brought as it is. */
export function provideReflectMetadata(): void {
  if ('getMetadata' in Reflect) return;
  Object.assign(Reflect, { getMetadata: own, getOwnMetadata: own, defineMetadata: define });
}
