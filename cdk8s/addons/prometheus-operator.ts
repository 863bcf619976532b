import type { ServiceDefinition } from '@windlass/contracts/service.ts';
import { ApiObject } from 'cdk8s';
import { k8s } from 'cdk8s-plus-27';
import type { Construct } from 'constructs';
import type { Environment } from '../environments.ts';
import { labelsOf, namespaceOf, selectorOf, serviceLabels, versionOf } from '../naming.ts';
import type { Observability } from '../observability.ts';

export const needsPrometheusOperator = `# Needs the Prometheus operator, 0.85 or later,
# and the metrics of kube-state-metrics, 2.10 or later.
`;
export const needsGrafana = `# Needs the sidecar of Grafana that looks for dashboards in ConfigMaps.
`;

/** Says to the Prometheus operator which pods to look at, and when to wake somebody. */
export class PrometheusObjects {
  constructor(
    scope: Construct,
    services: readonly ServiceDefinition[],
    environment: Environment,
    namespace: string,
    { rules }: Observability,
  ) {
    for (const service of services) {
      const { name } = service;
      new ApiObject(scope, `${name}-monitor`, {
        apiVersion: 'monitoring.coreos.com/v1',
        kind: 'PodMonitor',
        metadata: {
          name,
          namespace: namespaceOf(service),
          labels: serviceLabels(service, environment),
        },
        spec: {
          // The rules and dashboards know a service by its job.
          jobLabel: 'app.kubernetes.io/name',
          selector: { matchLabels: selectorOf(name) },
          podMetricsEndpoints: [
            {
              ...{ port: 'ops', path: '/metrics', interval: '15s' },
              // The operator's series name the namespace of what they are about.
              honorLabels: true,
            },
          ],
        },
      });
    }
    new ApiObject(scope, 'rules', {
      apiVersion: 'monitoring.coreos.com/v1',
      kind: 'PrometheusRule',
      metadata: {
        name: 'windlass',
        namespace,
        labels: labelsOf('windlass', 'monitoring', versionOf(environment)),
      },
      spec: { groups: rules },
    });
  }
}

/** Dashboards as the sidecar of Grafana finds them. */
export class DashboardMaps {
  constructor(
    scope: Construct,
    environment: Environment,
    namespace: string,
    { dashboards }: Observability,
  ) {
    for (const { name, folder, json } of dashboards) {
      new k8s.KubeConfigMap(scope, name, {
        metadata: {
          name: `windlass-dashboard-${name}`,
          namespace,
          labels: {
            ...labelsOf('windlass', 'monitoring', versionOf(environment)),
            grafana_dashboard: '1',
          },
          annotations: { grafana_folder: folder },
        },
        data: { [`${name}.json`]: json },
      });
    }
  }
}
