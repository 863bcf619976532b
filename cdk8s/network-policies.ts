import { k8s } from 'cdk8s-plus-27';
import type { Construct } from 'constructs';
import { labelsOf, number } from './naming.ts';
import { type Flow, type Party, type Port, type Workload, workloadsIn } from './traffic.ts';

/** Not on the way to somebody in the same building. */
const privateNetworks = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '169.254.0.0/16'];

/**
 * Nothing is allowed in the namespaces, and then what the flows say: one policy for each
 * workload, with what it may receive and what it may send.
 */
export class NetworkPolicies {
  constructor(
    scope: Construct,
    flows: readonly Flow[],
    inNamespaces: readonly string[],
    version: string,
  ) {
    for (const namespace of inNamespaces) {
      new k8s.KubeNetworkPolicy(scope, `${namespace}-default-deny`, {
        metadata: { name: 'default-deny', namespace },
        spec: { podSelector: {}, policyTypes: ['Ingress', 'Egress'] },
      });
    }
    for (const workload of workloadsIn(flows)) {
      const { name, namespace, labels } = workload;
      new k8s.KubeNetworkPolicy(scope, `${namespace}-${name}`, {
        metadata: { name: `allow-${name}`, namespace, labels: labelsOf(name, 'network', version) },
        spec: {
          podSelector: { matchLabels: { ...labels } },
          policyTypes: ['Ingress', 'Egress'],
          ingress: flows
            .filter(({ to }) => isSame(to, workload))
            .map(({ from, ports }) => ({
              ...peers('from', from, workload),
              ports: portsOf(ports),
            })),
          egress: flows
            .filter(({ from }) => isSame(from, workload))
            .map(({ to, ports }) => ({ ...peers('to', to, workload), ports: portsOf(ports) })),
        },
      });
    }
  }
}

function isSame(party: Party, workload: Workload): boolean {
  if (party.kind !== 'workload') return false;
  return party.name === workload.name && party.namespace === workload.namespace;
}

function portsOf(ports: readonly Port[]): k8s.NetworkPolicyPort[] {
  return ports.map(({ protocol, port }) => ({ protocol, port: number(port) }));
}

/** A rule without peers is about everybody. */
function peers<Side extends 'from' | 'to'>(side: Side, party: Party, own: Workload) {
  const peer = peerOf(party, own);
  return peer === undefined ? {} : { [side]: [peer] };
}

function peerOf(party: Party, own: Workload): k8s.NetworkPolicyPeer | undefined {
  switch (party.kind) {
    case 'anywhere':
      return undefined;
    case 'internet':
      return { ipBlock: { cidr: '0.0.0.0/0', except: [...privateNetworks] } };
    case 'namespaces':
      return { namespaceSelector: { matchLabels: { ...party.labels } } };
    case 'workload':
    case 'pods': {
      const podSelector = { matchLabels: { ...party.labels } };
      if (party.namespace === own.namespace) return { podSelector };
      return { namespaceSelector: namespaceNamed(party.namespace), podSelector };
    }
  }
}

function namespaceNamed(name: string): k8s.LabelSelector {
  return { matchLabels: { 'kubernetes.io/metadata.name': name } };
}
