import type { Cache, Index } from './cache.ts';
import { fitsLabels } from './label-selector.ts';
import { type Key, type KubeObject, keyOf, type Resource } from './objects.ts';
import { Reflector, type ReflectorOptions } from './reflector.ts';

export type CacheOptions = Omit<ReflectorOptions, 'resource' | 'labelSelector'>;

/** All reflectors of a process: one for each resource and selector, whoever asks for it. */
export class ReflectedCache implements Cache {
  private readonly options: CacheOptions;
  private readonly byResource = new Map<string, Reflector[]>();
  private isStarted = false;

  constructor(options: CacheOptions) {
    this.options = options;
  }

  /** Reflects the resource from now on, or from the start. */
  reflector(resource: Resource, labelSelector?: string): Reflector {
    const id = idOf(resource);
    const reflectors = this.byResource.get(id) ?? [];
    const known = reflectors.find((each) => each.labelSelector === labelSelector);
    if (known !== undefined) return known;
    const reflector = new Reflector({ ...this.options, resource, labelSelector });
    this.byResource.set(id, [...reflectors, reflector]);
    if (this.isStarted) reflector.start();
    return reflector;
  }

  get reflectors(): readonly Reflector[] {
    return [...this.byResource.values()].flat();
  }

  start(): void {
    this.isStarted = true;
    for (const reflector of this.reflectors) reflector.start();
  }

  /** When each resource was listed once. Waits for as long as that takes. */
  async synced(): Promise<void> {
    await Promise.all(this.reflectors.map((reflector) => reflector.synced));
  }

  get isSynced(): boolean {
    return this.reflectors.every((reflector) => reflector.isSynced);
  }

  async stop(): Promise<void> {
    await Promise.all(this.reflectors.map((reflector) => reflector.stop()));
  }

  /** Throws when nobody reflects the resource, which a kind says by naming it in `watches`. */
  get(resource: Resource, key: Key): KubeObject | undefined {
    for (const reflector of this.of(resource)) {
      const object = reflector.get(key);
      if (object !== undefined) return object;
    }
    return undefined;
  }

  list(resource: Resource, namespace?: string): readonly KubeObject[] {
    return this.gathered(resource, (reflector) => reflector.list(namespace));
  }

  find(resource: Resource, index: Index, value: string): readonly KubeObject[] {
    return this.gathered(resource, (reflector) => reflector.find(index, value));
  }

  /** Lets own writes be read at once, before the watch tells of them. */
  written(resource: Resource, object: KubeObject): void {
    for (const reflector of this.byResource.get(idOf(resource)) ?? []) {
      const { labelSelector } = reflector;
      const isHeld = reflector.get(keyOf(object)) !== undefined;
      const fits = labelSelector === undefined || fitsLabels(labelSelector, object.metadata.labels);
      if (reflector.isSynced && (isHeld || fits)) reflector.written(object);
    }
  }

  /** The API server has said that it is gone, before the watch tells. */
  deleted(resource: Resource, object: KubeObject): void {
    for (const reflector of this.byResource.get(idOf(resource)) ?? []) reflector.deleted(object);
  }

  /** Several reflectors of a resource may know the same object. */
  private gathered(
    resource: Resource,
    read: (reflector: Reflector) => readonly KubeObject[],
  ): readonly KubeObject[] {
    const [first, ...others] = this.of(resource);
    const found = first === undefined ? [] : read(first);
    if (others.length === 0) return found;
    const all = new Map(found.map((object) => [keyOf(object), object]));
    for (const reflector of others) {
      for (const object of read(reflector)) all.set(keyOf(object), object);
    }
    return [...all.values()];
  }

  private of(resource: Resource): readonly Reflector[] {
    const reflectors = this.byResource.get(idOf(resource));
    if (reflectors === undefined) throw new Error(`nobody watches ${resource.plural}`);
    return reflectors;
  }
}

function idOf({ group, plural }: Resource): string {
  return `${plural}.${group}`;
}
