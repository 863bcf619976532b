import type { Index } from './cache.ts';
import { type Key, type KubeObject, keyOf } from './objects.ts';

/** Keys of objects by what they can be found by. */
export class Indexed {
  private readonly byIndex = new Map<Index, Map<string, Set<Key>>>();

  /** `all` is asked for once, when the index is first used. */
  keys(index: Index, value: string, all: () => readonly KubeObject[]): ReadonlySet<Key> {
    const known = this.byIndex.get(index);
    if (known !== undefined) return known.get(value) ?? none;
    const made = new Map<string, Set<Key>>();
    this.byIndex.set(index, made);
    for (const object of all()) insert(made, index(object), keyOf(object));
    return made.get(value) ?? none;
  }

  /** Has to hear of every change. */
  changed(before: KubeObject | undefined, after: KubeObject | undefined): void {
    for (const [index, keys] of this.byIndex) {
      const [was, is] = [before, after].map((each) => each && index(each));
      if (before !== undefined && was !== undefined && was !== is) {
        remove(keys, was, keyOf(before));
      }
      if (after !== undefined) insert(keys, is, keyOf(after));
    }
  }
}

const none: ReadonlySet<Key> = new Set();

function insert(keys: Map<string, Set<Key>>, value: string | undefined, key: Key): void {
  if (value === undefined) return;
  const found = keys.get(value);
  if (found === undefined) keys.set(value, new Set([key]));
  else found.add(key);
}

function remove(keys: Map<string, Set<Key>>, value: string, key: Key): void {
  const found = keys.get(value);
  found?.delete(key);
  if (found?.size === 0) keys.delete(value);
}
