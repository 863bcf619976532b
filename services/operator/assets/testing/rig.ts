import { randomUUID } from 'node:crypto';
import { createLogger } from '@windlass/runtime/telemetry/log.ts';
import { until } from '@windlass/runtime/testing/until.ts';
import type { Cache } from '../../control/cache.ts';
import type { KubeClient } from '../../control/client.ts';
import { type Context, type Kind, type Plan, ReconcileError } from '../../control/kind.ts';
import {
  apiVersionOf,
  type Key,
  type KubeObject,
  keyOf,
  type Resource,
} from '../../control/objects.ts';
import type { AssetAction, AssetFacts } from '../asset-plan.ts';
import type { AssetParts } from '../asset-watches.ts';
import { Connections } from '../connections.ts';
import type { Call } from '../jet-stream.ts';
import { Lookup } from '../lookup.ts';

const roundsLimit = 4;

export type Outcome = Plan<AssetAction> & { readonly done: readonly string[] };

/** A cache that the test fills, and what a kind is given besides. */
export class Rig {
  readonly objects = new Map<string, KubeObject>();
  readonly calls: Call[] = [];
  readonly lines: string[] = [];
  readonly events: string[] = [];
  readonly repairs: string[] = [];
  readonly connections: Connections;
  readonly parts: AssetParts;
  isLeader = true;
  private readonly created = new Date('2026-01-01T00:00:00Z').getTime();

  constructor(defaultServers: readonly string[] = []) {
    const destination = { write: (line: string) => void this.lines.push(line) };
    const logger = createLogger({ service: 'operator', replica: '1', level: 'debug', destination });
    this.connections = new Connections({ logger, onCall: (call) => this.calls.push(call) });
    this.parts = {
      connections: this.connections,
      lookup: new Lookup(),
      onRepair: (kind) => this.repairs.push(kind),
      ...(defaultServers.length === 0 ? {} : { defaultConnection: { servers: defaultServers } }),
    };
    const cache: Cache = {
      get: ({ plural }, key) => this.objects.get(`${plural} ${key}`),
      list: (resource, namespace) => this.list(resource, namespace),
      find: (resource, index, value) => this.list(resource).filter((each) => index(each) === value),
    };
    this.context = {
      // Reads only what the test has put there: nothing of an asset is written to Kubernetes.
      kube: {
        get: async (
          resource: Resource,
          { namespace, name }: { namespace?: string; name: string },
        ) => cache.get(resource, namespace === undefined ? name : `${namespace}/${name}`),
      } as unknown as KubeClient,
      cache,
      fence: () => {
        if (!this.isLeader) throw new ReconcileError('LostLeadership', 'Another one leads.');
      },
      logger,
      signal: new AbortController().signal,
      now: () => Date.now(),
      event: (_type, reason, message) => this.events.push(`${reason}: ${message}`),
    };
  }

  readonly context: Context;

  /** An object as the API server would give it. Later ones are younger. */
  put(resource: Resource, name: string, fields: Partial<KubeObject> = {}): KubeObject {
    const { metadata, ...others } = fields;
    const age = this.created + this.objects.size * 1_000;
    const object: KubeObject = {
      apiVersion: apiVersionOf(resource),
      kind: resource.kind,
      ...others,
      metadata: {
        name,
        ...(resource.namespaced ? { namespace: 'shop' } : {}),
        uid: randomUUID(),
        generation: 1,
        creationTimestamp: new Date(age).toISOString(),
        ...metadata,
      },
    };
    this.objects.set(`${resource.plural} ${keyOf(object)}`, object);
    return object;
  }

  /** The same object with another spec, of the next generation. */
  respec(resource: Resource, object: KubeObject, spec: unknown): KubeObject {
    const generation = (object.metadata.generation ?? 1) + 1;
    const changed = { ...object, spec, metadata: { ...object.metadata, generation } };
    this.objects.set(`${resource.plural} ${keyOf(object)}`, changed);
    return changed;
  }

  markDeleted(resource: Resource, object: KubeObject): KubeObject {
    const metadata = { ...object.metadata, deletionTimestamp: new Date().toISOString() };
    const changed = { ...object, metadata };
    this.objects.set(`${resource.plural} ${keyOf(object)}`, changed);
    return changed;
  }

  remove(resource: Resource, key: Key): void {
    this.objects.delete(`${resource.plural} ${key}`);
  }

  /** As the loop does it: look, plan and act until nothing is left to do, then the status. */
  async reconcile(kind: Kind<AssetFacts, AssetAction>, object: KubeObject): Promise<Outcome> {
    const done: string[] = [];
    const current = this.objects.get(`${kind.resource.plural} ${keyOf(object)}`) ?? object;
    for (let round = 0; round < roundsLimit; round++) {
      const plan = kind.plan(current, await kind.observe(current, this.context));
      if (plan.actions.length === 0) {
        this.writeStatus(kind.resource, current, plan);
        return { ...plan, done };
      }
      for (const action of plan.actions) {
        await kind.act(action, current, this.context);
        done.push(action.describe);
      }
    }
    throw new Error(`still not done: ${done.join('; ')}`);
  }

  /** Until the plan is as the test wants it. */
  async until(
    kind: Kind<AssetFacts, AssetAction>,
    object: KubeObject,
    holds: (outcome: Outcome) => boolean,
  ): Promise<Outcome> {
    return await until(async () => {
      const outcome = await this.reconcile(kind, object);
      return holds(outcome) && outcome;
    });
  }

  /** The reason of a failure that the loop would show as a condition. */
  async failure(kind: Kind<AssetFacts, AssetAction>, object: KubeObject): Promise<ReconcileError> {
    try {
      await this.reconcile(kind, object);
    } catch (error) {
      if (error instanceof ReconcileError) return error;
      throw error;
    }
    throw new Error('nothing failed');
  }

  private writeStatus(resource: Resource, object: KubeObject, plan: Plan<AssetAction>): void {
    const key = `${resource.plural} ${keyOf(object)}`;
    if (!this.objects.has(key)) return;
    const status = plan.phase === 'ready' ? 'True' : 'False';
    const conditions = [{ type: 'Ready', status, reason: plan.reason, message: plan.message }];
    const observedGeneration = object.metadata.generation;
    this.objects.set(key, { ...object, status: { observedGeneration, conditions } });
  }

  private list(resource: Resource, namespace?: string): readonly KubeObject[] {
    return [...this.objects]
      .filter(([key]) => key.startsWith(`${resource.plural} `))
      .map(([, object]) => object)
      .filter(({ metadata }) => namespace === undefined || metadata.namespace === namespace);
  }

  async close(): Promise<void> {
    await this.connections.close();
  }
}
