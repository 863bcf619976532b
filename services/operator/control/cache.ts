import type { Key, KubeObject, Resource } from './objects.ts';

/**
 * What an object can be found by. One function is one index, so it is made once and not in a
 * call; it must be pure.
 */
export type Index = (object: KubeObject) => string | undefined;

/** What the reflectors have seen. Objects are frozen views of the server's answers. */
export interface Cache {
  get(resource: Resource, key: Key): KubeObject | undefined;
  list(resource: Resource, namespace?: string): readonly KubeObject[];
  /** Objects of which the index gives the value, without looking at the others. */
  find(resource: Resource, index: Index, value: string): readonly KubeObject[];
}
