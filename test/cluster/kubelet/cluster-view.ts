import type { ApiObject, KubeApi } from '../kube-api.ts';
import { kubeletLabel } from './nodes.ts';
import type { Claim, ConfigMap, Node, PersistentVolume, Pod, Secret, Service } from './pod.ts';
import { Watched } from './watched.ts';

/** What a kubelet is told of changes. */
export interface Listeners {
  readonly pod: (pod: Pod, isGone: boolean) => void;
  readonly service: () => void;
  /** A ConfigMap or a Secret. */
  readonly files: () => void;
  readonly claim: (claim: Claim, isGone: boolean) => void;
  readonly volume: (volume: PersistentVolume, isGone: boolean) => void;
  readonly node: () => void;
}

/** What a kubelet sees of the cluster: its namespaces, its nodes and its volumes. */
export class ClusterView {
  readonly pods: Several<Pod>;
  readonly services: Several<Service>;
  readonly configMaps: Several<ConfigMap>;
  readonly secrets: Several<Secret>;
  readonly claims: Several<Claim>;
  readonly volumes: Watched<PersistentVolume>;
  readonly nodes: Watched<Node>;
  private readonly signal: AbortSignal;

  constructor(api: KubeApi, owner: string, listeners: Listeners, signal: AbortSignal) {
    const selector = `?labelSelector=${encodeURIComponent(`${kubeletLabel}=${owner}`)}`;
    this.pods = new Several(api, 'pods', listeners.pod);
    this.services = new Several(api, 'services', listeners.service);
    this.configMaps = new Several(api, 'configmaps', listeners.files);
    this.secrets = new Several(api, 'secrets', listeners.files);
    this.claims = new Several(api, 'persistentvolumeclaims', listeners.claim);
    const volumes = `/api/v1/persistentvolumes${selector}`;
    this.volumes = new Watched(api, volumes, listeners.volume);
    this.nodes = new Watched(api, `/api/v1/nodes${selector}`, listeners.node);
    this.signal = signal;
  }

  /** Resolves when what is there now is known; `undefined` is every namespace. */
  async start(namespaces: readonly string[] | undefined): Promise<void> {
    await this.nodes.start(this.signal);
    await this.volumes.start(this.signal);
    if (namespaces === undefined) await this.add(undefined);
    for (const namespace of namespaces ?? []) await this.add(namespace);
  }

  async add(namespace: string | undefined): Promise<void> {
    // Pods come last: what they refer to is known by then.
    const { services, configMaps, secrets, claims, pods } = this;
    for (const each of [services, configMaps, secrets, claims, pods]) {
      await each.add(namespace, this.signal);
    }
  }
}

/** One resource in several namespaces. */
class Several<Item extends ApiObject> {
  private readonly api: KubeApi;
  private readonly resource: string;
  private readonly onChange: (item: Item, isGone: boolean) => void;
  private readonly watched: Watched<Item>[] = [];

  constructor(api: KubeApi, resource: string, onChange: (item: Item, isGone: boolean) => void) {
    this.api = api;
    this.resource = resource;
    this.onChange = onChange;
  }

  async add(namespace: string | undefined, signal: AbortSignal): Promise<void> {
    const scope = namespace === undefined ? '' : `/namespaces/${namespace}`;
    const watched = new Watched(this.api, `/api/v1${scope}/${this.resource}`, this.onChange);
    this.watched.push(watched);
    await watched.start(signal);
  }

  get(namespace: string, name: string): Item | undefined {
    for (const each of this.watched) {
      const found = each.get(name, namespace);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  all(): readonly Item[] {
    return this.watched.flatMap((each) => each.all());
  }
}
