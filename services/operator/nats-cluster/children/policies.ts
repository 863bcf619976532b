import { networkPolicies, podDisruptionBudgets } from '../../api/core.ts';
import type { NatsClusterSpec } from '../../api/nats-cluster.ts';
import { children, ports, selectorOf } from '../names.ts';
import { type Child, child, type Owner } from './child.ts';

/** At most one server is stopped on purpose; one that is not well may always be replaced. */
export function disruptionBudget(owner: Owner): Child {
  return child(podDisruptionBudgets, owner, children(owner.name).disruptionBudget, {
    spec: {
      maxUnavailable: 1,
      selector: { matchLabels: selectorOf(owner.name) },
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
    },
  });
}

/**
 * Routes come from servers of the same cluster alone. Clients come from anywhere, with credentials,
 * unless it is left to other policies whom they let in: policies add up.
 */
export function networkPolicy(owner: Owner, { clients }: NatsClusterSpec['network']): Child {
  const tcp = (port: number) => ({ protocol: 'TCP', port });
  return child(networkPolicies, owner, children(owner.name).networkPolicy, {
    spec: {
      podSelector: { matchLabels: selectorOf(owner.name) },
      policyTypes: ['Ingress'],
      ingress: [
        ...(clients === 'Anywhere' ? [{ ports: [tcp(ports.client), tcp(ports.monitor)] }] : []),
        {
          from: [{ podSelector: { matchLabels: selectorOf(owner.name) } }],
          ports: [tcp(ports.cluster)],
        },
      ],
    },
  });
}
