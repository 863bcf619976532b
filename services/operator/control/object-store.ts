import type { Index } from './cache.ts';
import { Indexed } from './indexed.ts';
import { type Key, type KubeObject, keyOf } from './objects.ts';

/** Uids of deleted objects that are kept, so that a late answer does not bring one back. */
const goneMax = 10_000;

/** Without `before` it is new, without `after` it is gone. */
export interface Change {
  readonly before: KubeObject | undefined;
  readonly after: KubeObject | undefined;
}
export type Listener = (change: Change) => void;

/** Objects of one resource by key, and who wants to hear of their changes. */
export class ObjectStore {
  private readonly namespaces = new Map<string, Map<Key, KubeObject>>();
  private readonly listeners = new Set<Listener>();
  /** Keys of answers to own writes that came while a list was on its way. */
  private readonly writtenMeanwhile = new Set<Key>();
  private readonly gone = new Set<string>();
  private readonly indexed = new Indexed();

  get(key: Key): KubeObject | undefined {
    return this.namespaces.get(namespaceOf(key))?.get(key);
  }

  list(namespace?: string): readonly KubeObject[] {
    if (namespace !== undefined) return [...(this.namespaces.get(namespace)?.values() ?? [])];
    return [...this.namespaces.values()].flatMap((objects) => [...objects.values()]);
  }

  find(index: Index, value: string): readonly KubeObject[] {
    const keys = this.indexed.keys(index, value, () => this.list());
    return [...keys].flatMap((key) => this.get(key) ?? []);
  }

  get size(): number {
    let size = 0;
    for (const objects of this.namespaces.values()) size += objects.size;
    return size;
  }

  /** Also hears of everything that is here already. Must not throw. */
  listen(listener: Listener): void {
    this.listeners.add(listener);
    for (const after of this.list()) listener({ before: undefined, after });
  }

  /** What a watch tells. An answer to an own write that is newer stays. */
  set(object: KubeObject): void {
    const before = this.get(keyOf(object));
    if (before !== undefined && isSameOrOlder(object, before)) return;
    this.put(before, object);
  }

  /**
   * The answer to an own write, so that it is read again at once. It may be older than what a
   * watch told meanwhile, and the object may be gone already.
   */
  written(object: KubeObject): void {
    const { uid } = object.metadata;
    if (uid !== undefined && this.gone.has(uid)) return;
    this.writtenMeanwhile.add(keyOf(object));
    this.set(object);
  }

  delete(object: KubeObject): void {
    const key = keyOf(object);
    this.bury(object);
    const before = this.get(key);
    // Another one of the same name may have been made by an own write meanwhile.
    if (before === undefined || before.metadata.uid !== object.metadata.uid) return;
    this.drop(key, before);
  }

  /** To be called before a list is asked for. */
  expectList(): void {
    this.writtenMeanwhile.clear();
  }

  /**
   * Takes over a whole list. Returns how many objects differ that the watch, which had come to
   * `seenVersion`, should have told about.
   */
  replace(items: readonly KubeObject[], seenVersion: string | undefined): number {
    const present = new Set<Key>();
    let missed = 0;
    for (const item of items) {
      const key = keyOf(item);
      present.add(key);
      const before = this.get(key);
      if (before?.metadata.resourceVersion === item.metadata.resourceVersion) continue;
      if (before !== undefined && this.writtenMeanwhile.has(key)) {
        this.set(item);
        continue;
      }
      const version = item.metadata.resourceVersion;
      if (seenVersion !== undefined && compareVersions(version, seenVersion) <= 0) missed++;
      this.put(before, item);
    }
    for (const held of this.list()) {
      const key = keyOf(held);
      if (present.has(key) || this.writtenMeanwhile.has(key)) continue;
      this.bury(held);
      this.drop(key, held);
    }
    return missed;
  }

  private put(before: KubeObject | undefined, after: KubeObject): void {
    const key = keyOf(after);
    const namespace = namespaceOf(key);
    const objects = this.namespaces.get(namespace) ?? new Map<Key, KubeObject>();
    objects.set(key, after);
    this.namespaces.set(namespace, objects);
    this.tell({ before, after });
  }

  private drop(key: Key, before: KubeObject): void {
    const namespace = namespaceOf(key);
    const objects = this.namespaces.get(namespace);
    objects?.delete(key);
    if (objects?.size === 0) this.namespaces.delete(namespace);
    this.tell({ before, after: undefined });
  }

  private bury({ metadata }: KubeObject): void {
    if (metadata.uid === undefined) return;
    this.gone.add(metadata.uid);
    for (const uid of this.gone) {
      if (this.gone.size <= goneMax) break;
      this.gone.delete(uid);
    }
  }

  private tell(change: Change): void {
    this.indexed.changed(change.before, change.after);
    for (const listener of this.listeners) listener(change);
  }
}

function isSameOrOlder(object: KubeObject, held: KubeObject): boolean {
  if (object.metadata.uid !== held.metadata.uid) return false;
  return compareVersions(object.metadata.resourceVersion, held.metadata.resourceVersion) <= 0;
}

/**
 * Versions of one resource are whole numbers that grow (KEP-5504). What is none counts as newer,
 * so that it is never left out.
 */
export function compareVersions(left: string | undefined, right: string | undefined): number {
  if (left === right) return 0;
  if (!isWhole(left) || !isWhole(right)) return 1;
  if (left.length !== right.length) return left.length - right.length;
  return left < right ? -1 : 1;
}

function isWhole(version: string | undefined): version is string {
  return version !== undefined && /^[1-9]\d*$/.test(version);
}

function namespaceOf(key: Key): string {
  return key.slice(0, Math.max(0, key.indexOf('/')));
}
