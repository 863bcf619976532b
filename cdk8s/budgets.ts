import type { ServiceDefinition } from '@windlass/contracts/service.ts';
import { databaseBudget } from './addons/cloudnative-pg.ts';
import { replicasOf } from './autoscaler.ts';
import { grafanaMemoryMiB, prometheusMemoryMiB } from './bundled-monitoring.ts';
import { memoryMiBOf } from './configuration.ts';
import type { Environment } from './environments.ts';
import type { Budget } from './namespaces.ts';
import { bytesOf, millisOf, namespaceOf, namespaces } from './naming.ts';
import { natsReplicas } from './nats.ts';
import { postgresMemoryMiB } from './postgres.ts';

/** Rollouts need room for pods beside those that they replace. */
const rolloutShare = 1.5;
/** For what is started by hand: a look into a database, a replay. */
const spareMemoryMiB = 512;

/** What all of a namespace may ask for, while everything has as many replicas as it may. */
export function budgetOf(
  namespace: string,
  services: readonly ServiceDefinition[],
  environment: Environment,
): Budget {
  const { nats, database, monitoring, cpuShare } = environment;
  const asked = services
    .filter((service) => namespaceOf(service) === namespace)
    .map((service) => {
      const count = Math.ceil(replicasOf(service, environment).max * rolloutShare);
      const cpuMillis = service.resources.cpuMillis * cpuShare;
      return { pods: count, cpuMillis, memoryMiB: memoryMiBOf(service, environment), claims: 0 };
    });
  if (namespace === namespaces.platform) {
    const memoryMiB = bytesOf(nats.memory) / 1_024 ** 2;
    asked.push({
      pods: natsReplicas,
      cpuMillis: millisOf(nats.cpu),
      memoryMiB,
      // One server may get another volume before the old one is gone.
      claims: natsReplicas + 1,
    });
    if (database.kind === 'bundled') {
      asked.push({ pods: 1, cpuMillis: 100, memoryMiB: postgresMemoryMiB, claims: 1 });
    }
    if (environment.provider.kind === 'double') {
      asked.push({ pods: 0, cpuMillis: 0, memoryMiB: 0, claims: 1 });
    }
  }
  if (namespace === namespaces.platform && database.kind === 'secret') {
    const owners = services.filter((service) => service.database).length;
    asked.push(databaseBudget(owners, database.clusters));
  }
  if (namespace === namespaces.monitoring && monitoring.kind === 'bundled') {
    const memoryMiB = Math.max(prometheusMemoryMiB, grafanaMemoryMiB);
    asked.push({ pods: 2, cpuMillis: 50, memoryMiB, claims: 0 });
  }
  const sum = (of: (each: Budget) => number) =>
    Math.ceil(asked.reduce((total, each) => total + of(each), 0));
  return {
    pods: sum(({ pods }) => pods) + 4,
    cpuMillis: sum(({ pods, cpuMillis }) => pods * cpuMillis) + 500,
    memoryMiB: sum(({ pods, memoryMiB }) => pods * memoryMiB) + spareMemoryMiB,
    claims: sum(({ claims }) => claims),
  };
}
