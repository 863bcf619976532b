import { randomUUID } from 'node:crypto';
import type { Logger } from '@windlass/runtime/telemetry/log.ts';
import { Lookup } from '../../assets/lookup.ts';
import type { Cache } from '../../control/cache.ts';
import type { KubeClient } from '../../control/client.ts';
import { type Context, type Plan, ReconcileError } from '../../control/kind.ts';
import { apiVersionOf, type KubeObject, keyOf, type Resource } from '../../control/objects.ts';
import { KeyProofs } from '../key-proofs.ts';
import { natsUserKind } from '../nats-user.ts';
import type { UserAction } from '../user-plan.ts';

const roundsLimit = 6;

/** Objects of one namespace, and the kind as the loop runs it. */
export class UserRig {
  readonly objects = new Map<string, KubeObject>();
  readonly events: string[] = [];
  readonly lines: string[] = [];
  now = Date.parse('2026-01-01T00:00:00Z');
  private version = 0;
  private readonly kind = natsUserKind({ lookup: new Lookup(() => 0), proofs: new KeyProofs() });

  put(resource: Resource, name: string, fields: Partial<KubeObject> = {}): KubeObject {
    const { metadata, ...others } = fields;
    return this.store(resource, {
      apiVersion: apiVersionOf(resource),
      kind: resource.kind,
      ...others,
      metadata: { name, namespace: 'shop', uid: randomUUID(), generation: 1, ...metadata },
    });
  }

  get(resource: Resource, name: string): KubeObject | undefined {
    return this.objects.get(`${resource.plural} shop/${name}`);
  }

  remove(resource: Resource, name: string): void {
    this.objects.delete(`${resource.plural} shop/${name}`);
  }

  /** Looks, plans and acts until nothing is left to do, and writes the status. */
  async reconcile(name: string): Promise<Plan<UserAction> & { readonly done: string[] }> {
    const { resource, observe, plan: planOf, act } = this.kind;
    const done: string[] = [];
    for (let round = 0; round < roundsLimit; round++) {
      const object = this.get(resource, name);
      if (object === undefined) throw new Error(`there is no ${name}`);
      const plan = planOf(object, await observe(object, this.context));
      this.store(resource, { ...object, status: JSON.parse(JSON.stringify(plan.status ?? {})) });
      if (plan.actions.length === 0) return { ...plan, done };
      for (const action of plan.actions) {
        await act(action, object, this.context);
        done.push(action.kind);
      }
    }
    throw new Error(`still not done: ${done.join(', ')}`);
  }

  private get context(): Context {
    const cache: Cache = {
      get: ({ plural }, key) => this.objects.get(`${plural} ${key}`),
      list: ({ plural }) =>
        [...this.objects].filter(([key]) => key.startsWith(`${plural} `)).map(([, each]) => each),
      find: () => [],
    };
    const note = (...line: unknown[]) => void this.lines.push(JSON.stringify(line));
    return {
      kube: this.kube as unknown as KubeClient,
      cache,
      fence: () => {},
      logger: { debug: note, info: note, warn: note, error: note } as unknown as Logger,
      signal: new AbortController().signal,
      now: () => this.now,
      event: (_, reason) => this.events.push(reason),
    };
  }

  private readonly kube: Pick<KubeClient, 'get' | 'create' | 'apply'> = {
    get: async (resource, { name }) => this.get(resource, name),
    create: async (resource, object) => {
      if (this.objects.has(`${resource.plural} ${keyOf(object)}`)) {
        throw new ReconcileError('AlreadyExists', 'it is there');
      }
      return this.store(resource, object);
    },
    apply: async (resource, object) => {
      const before = this.objects.get(`${resource.plural} ${keyOf(object)}`);
      const { resourceVersion } = object.metadata;
      if (resourceVersion !== undefined && resourceVersion !== before?.metadata.resourceVersion) {
        throw new ReconcileError('Conflict', 'it has changed');
      }
      return this.store(resource, object);
    },
  };

  private store(resource: Resource, object: KubeObject): KubeObject {
    this.version += 1;
    const key = `${resource.plural} ${keyOf(object)}`;
    const uid = object.metadata.uid ?? this.objects.get(key)?.metadata.uid ?? randomUUID();
    const metadata = { ...object.metadata, uid, resourceVersion: String(this.version) };
    const stored = { ...object, metadata };
    this.objects.set(key, stored);
    return stored;
  }
}
