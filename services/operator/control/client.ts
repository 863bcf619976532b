import type { KubeObject, Resource } from './objects.ts';

export interface Place {
  readonly namespace?: string;
  readonly name: string;
}

/** What the operator asks of the API server. */
export interface KubeClient {
  /** Undefined when it is not there. */
  get(resource: Resource, place: Place): Promise<KubeObject | undefined>;
  /** All pages. */
  list(
    resource: Resource,
    options?: { readonly namespace?: string; readonly labelSelector?: string },
  ): Promise<readonly KubeObject[]>;
  /** Rejects with reason AlreadyExists when it is there. */
  create(resource: Resource, object: KubeObject): Promise<KubeObject>;
  /** Server-side apply, by force; `manager` names the owner of the fields (`windlass-operator`). */
  apply(resource: Resource, object: KubeObject, manager?: string): Promise<KubeObject>;
  /** The same on `/status`. */
  applyStatus(resource: Resource, object: KubeObject, manager?: string): Promise<KubeObject>;
  /** Nothing happens when it is gone. A `uid` that differs rejects with Conflict. */
  delete(
    resource: Resource,
    place: Place,
    options?: { readonly uid?: string; readonly propagation?: 'Orphan' | 'Background' },
  ): Promise<void>;
  /** `blocked` when a disruption budget forbids it now. */
  evict(namespace: string, pod: string, uid: string): Promise<'evicted' | 'blocked'>;
}
