import { lanes, type ServiceDefinition } from '@windlass/contracts/service.ts';
import { natsClusterSpec } from '@windlass/operator/api/nats-cluster.ts';
import { children, ports, selectorOf } from '@windlass/operator/nats-cluster/names.ts';
import { consumerSettings, durableName } from '@windlass/runtime/broker/topology.ts';
import { ApiObject } from 'cdk8s';
import { k8s } from 'cdk8s-plus-27';
import type { Construct } from 'constructs';
import { behaviourOf, isScaled, replicasOf } from '../autoscaler.ts';
import type { Environment } from '../environments.ts';
import { cluster, labelsOf, namespaceOf, number, serviceLabels, versionOf } from '../naming.ts';

export const needsKeda = `# Needs KEDA, 2.20 or later: before, a missing consumer
# counted as endless lag.
# It takes over the HorizontalPodAutoscalers of k8s/prod; the operator then needs the variable
# EXTERNAL_METRICS=off, because a cluster has one server of external metrics. Then take away
# the ClusterRole windlass-external-metrics-reader: with it goes what the operator has registered.
`;

/** Where KEDA's own manifests put it. */
const kedaNamespace = 'keda';

/** The account that services are in: the first of a NatsCluster that names none. */
const [account] = natsClusterSpec.parse({}).accounts;

/**
 * The same scaling by KEDA, which asks the servers for each consumer and follows the one that is
 * furthest behind. When it cannot ask, the number of replicas stays what it is.
 */
export class KedaScaling {
  constructor(scope: Construct, services: readonly ServiceDefinition[], environment: Environment) {
    monitorPolicy(scope, environment);
    for (const service of services.filter((each) => isScaled(each, environment))) {
      const { name, scaling } = service;
      const { min, max } = replicasOf(service, environment);
      new ApiObject(scope, name, {
        apiVersion: 'keda.sh/v1alpha1',
        kind: 'ScaledObject',
        metadata: {
          name,
          namespace: namespaceOf(service),
          labels: serviceLabels(service, environment),
          annotations: { 'scaledobject.keda.sh/transfer-hpa-ownership': 'true' },
        },
        spec: {
          scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name },
          pollingInterval: 15,
          minReplicaCount: min,
          maxReplicaCount: max,
          fallback: { failureThreshold: 4, replicas: min, behavior: 'currentReplicas' },
          advanced: {
            horizontalPodAutoscalerConfig: { name, behavior: behaviourOf(environment) },
          },
          triggers: triggersOf(service, scaling.lagPerReplica),
        },
      });
    }
  }
}

/** KEDA asks from its own namespace; nobody else outside reaches that port. */
function monitorPolicy(scope: Construct, environment: Environment): void {
  const name = 'allow-keda';
  new k8s.KubeNetworkPolicy(scope, name, {
    metadata: {
      ...{ name, namespace: cluster.namespace },
      labels: labelsOf('nats', 'network', versionOf(environment)),
    },
    spec: {
      podSelector: { matchLabels: selectorOf(cluster.name) },
      policyTypes: ['Ingress'],
      ingress: [
        {
          from: [
            {
              namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': kedaNamespace } },
            },
          ],
          ports: [{ protocol: 'TCP', port: number(ports.monitor) }],
        },
      ],
    },
  });
}

/** The reaper has next to nothing to do: only the lanes count. */
function triggersOf(service: ServiceDefinition, lagThreshold: number) {
  const durables = lanes.map((lane) => durableName(service.name, lane));
  const { headlessService } = children(cluster.name);
  const host = `${headlessService}.${cluster.namespace}.svc.cluster.local`;
  return consumerSettings(service)
    .filter(({ settings }) => durables.includes(settings.durable_name))
    .map(({ stream, settings }) => ({
      type: 'nats-jetstream',
      metadata: {
        natsServerMonitoringEndpoint: `${host}:${ports.monitor}`,
        account: account?.name ?? '',
        stream,
        consumer: settings.durable_name,
        lagThreshold: `${lagThreshold}`,
        useHttps: 'false',
      },
    }));
}
