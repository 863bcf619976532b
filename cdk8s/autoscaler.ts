import { lanes, type ServiceDefinition } from '@windlass/contracts/service.ts';
import { durableName } from '@windlass/runtime/broker/topology.ts';
import { k8s } from 'cdk8s-plus-27';
import type { Construct } from 'constructs';
import type { Environment } from './environments.ts';
import { namespaceOf, quantity, serviceLabels } from './naming.ts';

/** What the operator serves of a consumer: delivered or not, and not acknowledged. */
export const lagMetric = 'windlass-consumer-lag';

export interface Replicas {
  readonly min: number;
  readonly max: number;
}

/** How many replicas a service may have in an environment. */
export function replicasOf({ scaling }: ServiceDefinition, { replicasMax }: Environment): Replicas {
  const max = Math.min(scaling.replicasMax, replicasMax);
  return { min: Math.min(scaling.replicasMin, max), max };
}

/** Whether the number of its replicas follows its load. */
export function isScaled(service: ServiceDefinition, environment: Environment): boolean {
  const { min, max } = replicasOf(service, environment);
  return max > min && service.consumes.length > 0;
}

/**
 * Scales on all that the service has not acknowledged, in all streams and lanes. Up at once, for
 * events wait; down slowly, for a replica that ends costs its partitions a moment.
 */
export class Autoscaler {
  constructor(scope: Construct, service: ServiceDefinition, environment: Environment) {
    const { name, scaling } = service;
    const { autoscaling } = environment;
    const { min, max } = replicasOf(service, environment);
    new k8s.KubeHorizontalPodAutoscalerV2(scope, `${name}-autoscaler`, {
      metadata: {
        name,
        namespace: namespaceOf(service),
        labels: serviceLabels(service, environment),
      },
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name },
        minReplicas: min,
        maxReplicas: max,
        metrics: [lagOf(name, scaling.lagPerReplica), ...cpuOf(autoscaling.cpuPercent)],
        behavior: behaviourOf(environment),
      },
    });
  }
}

/** Also how KEDA is told to scale. */
export function behaviourOf({ autoscaling }: Environment): k8s.HorizontalPodAutoscalerBehaviorV2 {
  return {
    scaleUp: {
      stabilizationWindowSeconds: 0,
      selectPolicy: 'Max',
      policies: [
        { type: 'Percent', value: 100, periodSeconds: 15 },
        { type: 'Pods', value: 4, periodSeconds: 15 },
      ],
    },
    scaleDown: {
      stabilizationWindowSeconds: autoscaling.downAfterSeconds,
      selectPolicy: 'Max',
      policies: [{ type: 'Percent', value: autoscaling.downPercent, periodSeconds: 60 }],
    },
  };
}

function lagOf(service: string, lagPerReplica: number): k8s.MetricSpecV2 {
  const durables = lanes.map((lane) => durableName(service, lane));
  return {
    type: 'External',
    external: {
      metric: {
        name: lagMetric,
        selector: { matchExpressions: [{ key: 'consumer', operator: 'In', values: durables }] },
      },
      target: { type: 'AverageValue', averageValue: quantity(`${lagPerReplica}`) },
    },
  };
}

function cpuOf(percent: number | undefined): k8s.MetricSpecV2[] {
  if (percent === undefined) return [];
  const target = { type: 'Utilization', averageUtilization: percent };
  return [{ type: 'Resource', resource: { name: 'cpu', target } }];
}
