import {
  type ApiList,
  type ApiObject,
  isRefusal,
  type KubeApi,
  type WatchEvent,
} from '../kube-api.ts';

const againMs = 200;

/** The objects at one path of the API server, kept by a list and a watch. */
export class Watched<Item extends ApiObject> {
  private readonly api: KubeApi;
  private readonly path: string;
  private readonly onChange: (item: Item, isGone: boolean) => void;
  private readonly byName = new Map<string, Item>();

  constructor(
    api: KubeApi,
    path: string,
    onChange: (item: Item, isGone: boolean) => void = () => {},
  ) {
    this.api = api;
    this.path = path;
    this.onChange = onChange;
  }

  /** Resolves when the first list is there; follows the changes until the signal is aborted. */
  async start(signal: AbortSignal): Promise<void> {
    const version = await this.list();
    void this.follow(version, signal);
  }

  get(name: string, namespace?: string): Item | undefined {
    return this.byName.get(namespace === undefined ? name : `${namespace}/${name}`);
  }

  all(): readonly Item[] {
    return [...this.byName.values()];
  }

  private async follow(from: string, signal: AbortSignal): Promise<void> {
    let version: string | undefined = from;
    while (!signal.aborted) {
      try {
        version ??= await this.list();
        await this.api.watch<Item>(this.path, version, signal, (event) => {
          version = this.take(event);
        });
      } catch (error) {
        if (isRefusal(error, 410)) version = undefined;
        await new Promise((resolve) => setTimeout(resolve, againMs));
      }
    }
  }

  /** Gives the version to go on from; none when the server has forgotten it. */
  private take({ type, object }: WatchEvent<Item>): string | undefined {
    if (type === 'ERROR') return undefined;
    if (type !== 'BOOKMARK') this.put(object, type === 'DELETED');
    return object.metadata.resourceVersion;
  }

  private async list(): Promise<string> {
    const { items, metadata } = await this.api.get<ApiList<Item>>(this.path);
    const present = new Set(items.map(keyOf));
    for (const [key, item] of this.byName) if (!present.has(key)) this.put(item, true);
    for (const item of items) {
      const known = this.byName.get(keyOf(item));
      if (known?.metadata.resourceVersion !== item.metadata.resourceVersion) this.put(item, false);
    }
    return metadata.resourceVersion;
  }

  private put(item: Item, isGone: boolean): void {
    const key = keyOf(item);
    const before = this.byName.get(key);
    if (isGone) this.byName.delete(key);
    else this.byName.set(key, item);
    // Deleted and made again between two lists: the old one is gone as well.
    if (before !== undefined && before.metadata.uid !== item.metadata.uid && !isGone) {
      this.onChange(before, true);
    }
    this.onChange(item, isGone);
  }
}

function keyOf({ metadata }: ApiObject): string {
  return metadata.namespace === undefined
    ? metadata.name
    : `${metadata.namespace}/${metadata.name}`;
}
