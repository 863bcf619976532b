import { Files } from '../files.ts';
import { deployedIn, versionOf } from '../naming.ts';
import { NetworkPolicies } from '../network-policies.ts';
import type { Sources } from '../platform.ts';
import { CloudNativePg, databaseFlows, needsCloudNativePg } from './cloudnative-pg.ts';
import { KedaScaling, needsKeda } from './keda.ts';
import {
  DashboardMaps,
  needsGrafana,
  needsPrometheusOperator,
  PrometheusObjects,
} from './prometheus-operator.ts';

/** What is of use where the operators of others run: a folder for each of them. */
export function addonFiles(sources: Sources): Files {
  const { environment, observability } = sources;
  const { database, monitoring } = environment;
  const services = deployedIn(sources.services, environment);
  const files = new Files();
  if (database.kind === 'secret') {
    files.add(
      'cloudnative-pg/10-databases',
      (chart) => new CloudNativePg(chart, services, environment, database.clusters),
      needsCloudNativePg,
    );
    files.add('cloudnative-pg/20-network-policies', (chart) => {
      const flows = databaseFlows(services, environment);
      new NetworkPolicies(chart, flows, [], versionOf(environment));
    });
  }
  files.add(
    'keda/10-scaled-objects',
    (chart) => new KedaScaling(chart, services, environment),
    needsKeda,
  );
  if (monitoring.kind === 'external') {
    const { namespace } = monitoring;
    files.add(
      'monitoring/10-prometheus',
      (chart) => new PrometheusObjects(chart, services, environment, namespace, observability),
      needsPrometheusOperator,
    );
    files.add(
      'monitoring/20-dashboards',
      (chart) => new DashboardMaps(chart, environment, namespace, observability),
      needsGrafana,
    );
  }
  return files;
}
