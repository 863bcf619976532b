import type { ServiceDefinition } from '@windlass/contracts/service.ts';
import { ApiIngress } from './api-ingress.ts';
import { budgetOf } from './budgets.ts';
import { BundledMonitoring } from './bundled-monitoring.ts';
import { DeployedService } from './deployed-service.ts';
import type { Environment } from './environments.ts';
import { Files } from './files.ts';
import { RestrictedNamespace } from './namespaces.ts';
import { deployedIn, namespaceOf, namespaces, versionOf } from './naming.ts';
import { Nats } from './nats.ts';
import { NetworkPolicies } from './network-policies.ts';
import type { Observability } from './observability.ts';
import { OperatorAccess } from './operator-access.ts';
import { Postgres } from './postgres.ts';
import { flowsOf } from './traffic.ts';

/** What is rendered from: the values, the services, and what is watched. */
export interface Sources {
  readonly environment: Environment;
  /** All that there are. */
  readonly services: readonly ServiceDefinition[];
  readonly observability: Observability;
}

/** The manifests of an environment by their file names, in the order in which to apply them. */
export function platformFiles(sources: Sources): Files {
  const { environment, observability, services: all } = sources;
  const services = deployedIn(all, environment);
  const version = versionOf(environment);
  const { access, database, monitoring } = environment;
  const files = new Files();
  const used = [
    ...new Set(services.map(namespaceOf)),
    ...(monitoring.kind === 'bundled' ? [namespaces.monitoring] : []),
  ].sort();
  files.add('10-namespaces', (chart) => {
    for (const name of used) {
      new RestrictedNamespace(chart, name, version, budgetOf(name, services, environment));
    }
  });
  files.add('15-network-policies', (chart) => {
    new NetworkPolicies(chart, flowsOf(all, environment), used, version);
  });
  for (const service of services.filter(({ role }) => role === 'operator')) {
    files.add('20-operator', (chart) => {
      new OperatorAccess(chart, service, environment);
      new DeployedService(chart, service, all, environment);
    });
  }
  files.add('30-nats', (chart) => new Nats(chart, services, environment));
  if (database.kind === 'bundled') {
    files.add('40-postgres', (chart) => new Postgres(chart, services, environment, database));
  }
  for (const service of services.filter(({ role }) => role !== 'operator')) {
    files.add(`50-${service.name}`, (chart) => {
      new DeployedService(chart, service, all, environment);
    });
  }
  if (monitoring.kind === 'bundled') {
    files.add('60-monitoring', (chart) => {
      new BundledMonitoring(chart, services, environment, monitoring, observability);
    });
  }
  if (access.kind === 'ingress') {
    files.add('70-ingress', (chart) => {
      for (const service of services.filter(({ role }) => role === 'api')) {
        new ApiIngress(chart, service, environment, access);
      }
    });
  }
  return files;
}
