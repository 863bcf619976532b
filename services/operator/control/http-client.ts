import type { KubeClient, Place } from './client.ts';
import type { KubeAccess } from './kube-config.ts';
import { isNotFound, KubeError } from './kube-error.ts';
import { apiVersionOf, type KubeObject, type Resource } from './objects.ts';
import { listOf, objectOf } from './received.ts';
import { type CallRecord, Transport } from './transport.ts';
import { type WatchEvent, watchEvents } from './watch-events.ts';

const pageSize = 500;
/** Owner of the fields of what the operator makes. */
const owner = 'windlass-operator';
const statusOwner = 'windlass-operator-status';
/** A list whose pages expire faster than they are read is begun again so often. */
const listAttemptsMax = 3;

const pods: Resource = {
  group: '',
  version: 'v1',
  plural: 'pods',
  kind: 'Pod',
  namespaced: true,
};

export interface HttpClientOptions {
  readonly access: KubeAccess;
  /** Called after each attempt of each call. */
  readonly onCall?: (record: CallRecord) => void;
}

/** Which objects; all of a resource without it. */
export interface Selection {
  readonly namespace?: string;
  readonly labelSelector?: string;
}

export interface Listed {
  readonly items: readonly KubeObject[];
  /** From here a watch goes on. */
  readonly resourceVersion: string;
}

export interface WatchOptions extends Selection {
  readonly resourceVersion: string;
  readonly timeoutSeconds: number;
  readonly signal: AbortSignal;
}

/** Speaks to a real API server. Rejects with `KubeError`, and writes with what `fence` throws. */
export class HttpClient implements KubeClient {
  private readonly transport: Transport;
  private readonly fence: (() => void) | undefined;

  constructor(options: HttpClientOptions | { readonly transport: Transport; fence: () => void }) {
    if ('transport' in options) {
      this.transport = options.transport;
      this.fence = options.fence;
    } else {
      this.transport = new Transport(options.access, options.onCall);
      this.fence = undefined;
    }
  }

  /** The same connections, and each write asks the fence first. */
  fencedBy(fence: () => void): HttpClient {
    return new HttpClient({ transport: this.transport, fence });
  }

  async get(resource: Resource, place: Place): Promise<KubeObject | undefined> {
    const path = pathOf(resource, place.namespace, place.name);
    const what = resource.plural;
    try {
      const answer = await this.transport.send({ verb: 'get', what, path, isIdempotent: true });
      return objectOf(resource, answer);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async list(resource: Resource, selection: Selection = {}): Promise<readonly KubeObject[]> {
    return (await this.listed(resource, selection)).items;
  }

  /** All pages, all of the version that is told. */
  async listed(resource: Resource, selection: Selection = {}): Promise<Listed> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.pages(resource, selection);
      } catch (error) {
        const isPageExpired = error instanceof KubeError && error.status === 410;
        if (!isPageExpired || attempt === listAttemptsMax) throw error;
      }
    }
  }

  async create(resource: Resource, object: KubeObject): Promise<KubeObject> {
    const answer = await this.transport.send({
      verb: 'create',
      what: resource.plural,
      path: pathOf(resource, object.metadata.namespace),
      query: { fieldManager: owner },
      body: object,
      isIdempotent: false,
      fence: this.fence,
    });
    return objectOf(resource, answer);
  }

  /** Replaces an object of the version that `metadata.resourceVersion` names, or Conflict. */
  async replace(resource: Resource, object: KubeObject, timeoutMs?: number): Promise<KubeObject> {
    const answer = await this.transport.send({
      verb: 'update',
      what: resource.plural,
      path: pathOf(resource, object.metadata.namespace, object.metadata.name),
      query: { fieldManager: owner },
      body: object,
      isIdempotent: false,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      fence: this.fence,
    });
    return objectOf(resource, answer);
  }

  async apply(
    resource: Resource,
    object: KubeObject,
    manager: string = owner,
  ): Promise<KubeObject> {
    return await this.patch(resource, object, '', manager);
  }

  async applyStatus(
    resource: Resource,
    object: KubeObject,
    manager: string = statusOwner,
  ): Promise<KubeObject> {
    return await this.patch(resource, object, '/status', manager);
  }

  /** A JSON merge patch: for what server-side apply cannot take away from other managers. */
  async merge(resource: Resource, place: Place, body: object): Promise<KubeObject> {
    const answer = await this.transport.send({
      verb: 'patch',
      what: resource.plural,
      path: pathOf(resource, place.namespace, place.name),
      query: { fieldManager: owner },
      body,
      isIdempotent: false,
      fence: this.fence,
    });
    return objectOf(resource, answer);
  }

  async delete(
    resource: Resource,
    place: Place,
    options: { readonly uid?: string; readonly propagation?: 'Orphan' | 'Background' } = {},
  ): Promise<void> {
    const { uid, propagation = 'Background' } = options;
    try {
      await this.transport.send({
        verb: 'delete',
        what: resource.plural,
        path: pathOf(resource, place.namespace, place.name),
        body: {
          apiVersion: 'v1',
          kind: 'DeleteOptions',
          propagationPolicy: propagation,
          ...(uid === undefined ? {} : { preconditions: { uid } }),
        },
        isIdempotent: true,
        fence: this.fence,
      });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  async evict(namespace: string, pod: string, uid: string): Promise<'evicted' | 'blocked'> {
    try {
      await this.transport.send({
        verb: 'create',
        what: 'pods/eviction',
        path: `${pathOf(pods, namespace, pod)}/eviction`,
        body: {
          apiVersion: 'policy/v1',
          kind: 'Eviction',
          metadata: { name: pod, namespace },
          deleteOptions: { preconditions: { uid } },
        },
        isIdempotent: false,
        fence: this.fence,
      });
      return 'evicted';
    } catch (error) {
      if (isNotFound(error)) return 'evicted';
      if (isBudgetSpent(error)) return 'blocked';
      throw error;
    }
  }

  /** Ends when the server ends it or `signal` is aborted; rejects with 410 for an old version. */
  async *watch(resource: Resource, options: WatchOptions): AsyncGenerator<WatchEvent> {
    const { namespace, labelSelector, resourceVersion, timeoutSeconds, signal } = options;
    const body = await this.transport.open(
      {
        verb: 'watch',
        what: resource.plural,
        path: pathOf(resource, namespace),
        query: {
          watch: 'true',
          allowWatchBookmarks: 'true',
          resourceVersion,
          timeoutSeconds: String(timeoutSeconds),
          ...(labelSelector === undefined ? {} : { labelSelector }),
        },
        isIdempotent: true,
      },
      signal,
    );
    yield* watchEvents(resource, body);
  }

  private async patch(
    resource: Resource,
    object: KubeObject,
    subresource: string,
    manager: string,
  ): Promise<KubeObject> {
    const { namespace, name } = object.metadata;
    const answer = await this.transport.send({
      verb: 'apply',
      what: `${resource.plural}${subresource}`,
      path: `${pathOf(resource, namespace, name)}${subresource}`,
      query: { fieldManager: manager, force: 'true' },
      body: object,
      isIdempotent: true,
      fence: this.fence,
    });
    return objectOf(resource, answer);
  }

  private async pages(resource: Resource, selection: Selection): Promise<Listed> {
    const { namespace, labelSelector } = selection;
    const items: KubeObject[] = [];
    const query: Record<string, string> = { limit: String(pageSize) };
    if (labelSelector !== undefined) query.labelSelector = labelSelector;
    for (;;) {
      const answer = await this.transport.send({
        verb: 'list',
        what: resource.plural,
        path: pathOf(resource, namespace),
        query,
        isIdempotent: true,
      });
      const page = listOf(resource, answer);
      for (const item of page.items) items.push(item);
      if (page.continue === undefined) return { items, resourceVersion: page.resourceVersion };
      query.continue = page.continue;
    }
  }
}

/** The 429 of a disruption budget; one of an API server without time has no such cause. */
function isBudgetSpent(error: unknown): boolean {
  if (!(error instanceof KubeError) || error.status !== 429) return false;
  return error.causes.includes('DisruptionBudget');
}

function pathOf(resource: Resource, namespace?: string, name?: string): string {
  const group = resource.group === '' ? '/api' : '/apis';
  const scope =
    resource.namespaced && namespace !== undefined
      ? `/namespaces/${encodeURIComponent(namespace)}`
      : '';
  const object = name === undefined ? '' : `/${encodeURIComponent(name)}`;
  return `${group}/${apiVersionOf(resource)}${scope}/${resource.plural}${object}`;
}
