import { k8s } from 'cdk8s-plus-27';
import type { Construct } from 'constructs';
import { labelsOf, quantity } from './naming.ts';

/** How much all pods of a namespace may ask for. */
export interface Budget {
  readonly pods: number;
  readonly cpuMillis: number;
  readonly memoryMiB: number;
  readonly claims: number;
}

/** A namespace that admits pods of the standard "restricted" only, within a budget. */
export class RestrictedNamespace {
  constructor(scope: Construct, name: string, version: string, budget: Budget) {
    const labels = labelsOf(name, 'namespace', version);
    new k8s.KubeNamespace(scope, name, {
      metadata: {
        name,
        labels: {
          ...labels,
          ...Object.fromEntries(
            ['enforce', 'audit', 'warn'].flatMap((mode) => [
              [`pod-security.kubernetes.io/${mode}`, 'restricted'],
              [`pod-security.kubernetes.io/${mode}-version`, 'latest'],
            ]),
          ),
        },
      },
    });
    const metadata = { name: 'windlass', namespace: name, labels };
    const memory = quantity(`${budget.memoryMiB}Mi`);
    new k8s.KubeResourceQuota(scope, `${name}-quota`, {
      metadata,
      spec: {
        hard: {
          pods: quantity(`${budget.pods}`),
          'requests.cpu': quantity(`${budget.cpuMillis}m`),
          'requests.memory': memory,
          'limits.memory': memory,
          persistentvolumeclaims: quantity(`${budget.claims}`),
          'services.loadbalancers': quantity('0'),
        },
      },
    });
    // For pods that somebody starts by hand: a quota refuses those that ask for nothing.
    new k8s.KubeLimitRange(scope, `${name}-limits`, {
      metadata,
      spec: {
        limits: [
          {
            type: 'Container',
            default: { memory: quantity('128Mi') },
            defaultRequest: { cpu: quantity('50m'), memory: quantity('128Mi') },
          },
        ],
      },
    });
  }
}
