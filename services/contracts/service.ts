import type { EventDefinition } from './event.ts';

/** Priority lanes, most urgent first. An aggregate's lane is fixed when it is created. */
export const lanes = ['hot', 'standard', 'bulk'] as const;
export type Lane = (typeof lanes)[number];

/**
 * Everything that the process, the manifests, the permissions and the dashboards need to know
 * of one deployable. Plain data: loading it starts nothing.
 */
export interface ServiceDefinition<
  Consumes extends readonly EventDefinition[] = readonly EventDefinition[],
  Publishes extends readonly EventDefinition[] = readonly EventDefinition[],
> {
  readonly name: string;
  /** HTTP port; the ops port (health, metrics) is this plus 1000. */
  readonly port: number;
  /**
   * `api`: other systems send it commands, so its readiness does not depend on NATS. `double`:
   * stands in for somebody else's service. `operator`: runs the infrastructure of the others.
   */
  readonly role: 'api' | 'worker' | 'double' | 'operator';
  /** Whether it owns a PostgreSQL database of its own name. */
  readonly database: boolean;
  readonly consumes: Consumes;
  readonly publishes: Publishes;
  /** Other deployables that it calls over HTTP. */
  readonly calls: readonly string[];
  readonly resources: { readonly cpuMillis: number; readonly memoryMiB: number };
  readonly scaling: {
    readonly replicasMin: number;
    readonly replicasMax: number;
    /** Pending messages that one replica is expected to work off. */
    readonly lagPerReplica: number;
  };
  readonly objectives: { readonly handledWithinSeconds: number; readonly ratio: number };
}

/** Throws at load when the definition contradicts itself. */
export function defineService<
  const Consumes extends readonly EventDefinition[],
  const Publishes extends readonly EventDefinition[],
>(definition: ServiceDefinition<Consumes, Publishes>): ServiceDefinition<Consumes, Publishes> {
  const { name, scaling, consumes, publishes, database } = definition;
  if (!/^[a-z][a-z-]{0,30}$/.test(name)) throw new Error(`"${name}" cannot name a service`);
  if (scaling.replicasMin > scaling.replicasMax) {
    throw new Error(`${name}: replicasMin is greater than replicasMax`);
  }
  if (!database && consumes.length + publishes.length > 0) {
    throw new Error(`${name}: events need a database for their inbox and outbox`);
  }
  return Object.freeze(definition);
}
