import { describe, expect, test } from '@jest/globals';
import { natsClusterSpec } from '@windlass/operator/api/nats-cluster.ts';
import { networkPolicy } from '@windlass/operator/nats-cluster/children/policies.ts';
import { labelsOf as natsLabels } from '@windlass/operator/nats-cluster/names.ts';
import { type Environment, environmentNamed, environmentNames } from './environments.ts';
import { cluster } from './naming.ts';
import {
  isChosen,
  type Manifest,
  manifestsOf,
  services,
  workloadsOf,
} from './testing/manifests.ts';
import { backOffice, type Flow, flowsOf, type Party } from './traffic.ts';

type Labels = Readonly<Record<string, string>>;

/** Something that may open connections, or be connected to. */
interface End {
  readonly name: string;
  /** Absent: it is no pod. */
  readonly namespace?: string;
  readonly namespaceLabels: Labels;
  readonly labels: Labels;
  /** Absent: not a pod of ours, nothing limits it. */
  readonly isOurs?: true;
  readonly address: string;
}

interface Peer {
  readonly podSelector?: { readonly matchLabels?: Labels };
  readonly namespaceSelector?: { readonly matchLabels?: Labels };
  readonly ipBlock?: { readonly cidr: string; readonly except?: readonly string[] };
}
interface PolicyRule {
  readonly ports?: readonly { readonly port: number; readonly protocol: string }[];
  readonly from?: readonly Peer[];
  readonly to?: readonly Peer[];
}
interface Policy {
  readonly namespace: string;
  readonly podSelector: { readonly matchLabels?: Labels };
  readonly policyTypes: readonly string[];
  readonly ingress?: readonly PolicyRule[];
  readonly egress?: readonly PolicyRule[];
}

function policiesIn(manifests: readonly Manifest[]): readonly Policy[] {
  const rendered = manifests
    .filter(({ kind }) => kind === 'NetworkPolicy')
    .map(({ metadata, spec }) => ({ namespace: metadata.namespace ?? '', ...Object(spec) }));
  // The operator makes one more, for its cluster.
  const owner = { apiVersion: '', kind: '', uid: '', ...cluster };
  const { spec } = manifests.find(({ kind }) => kind === 'NatsCluster') ?? {};
  const own = networkPolicy(owner, natsClusterSpec.parse(spec).network).object as Manifest;
  return [...rendered, { namespace: cluster.namespace, ...Object(own.spec) }];
}

function isCovered(end: End, policies: readonly Policy[], type: string): boolean {
  return policiesOf(end, policies, type).length > 0;
}

function policiesOf(end: End, policies: readonly Policy[], type: string) {
  return policies.filter(
    (each) =>
      each.namespace === end.namespace &&
      each.policyTypes.includes(type) &&
      isChosen(end.labels, each.podSelector.matchLabels),
  );
}

/** As Kubernetes says it: both sides have to allow it, and a side without policies allows all. */
function isAllowed(
  from: End,
  to: End,
  port: number,
  protocol: string,
  policies: readonly Policy[],
) {
  const hasPort = ({ ports }: PolicyRule) =>
    ports === undefined || ports.some((each) => each.port === port && each.protocol === protocol);
  const sides = [
    { end: from, other: to, type: 'Egress', rulesOf: ({ egress }: Policy) => egress, peers: 'to' },
    {
      end: to,
      other: from,
      type: 'Ingress',
      rulesOf: ({ ingress }: Policy) => ingress,
      peers: 'from',
    },
  ] as const;
  return sides.every(({ end, other, type, rulesOf, peers }) => {
    if (!isCovered(end, policies, type)) return true;
    return policiesOf(end, policies, type).some((policy) =>
      (rulesOf(policy) ?? []).some((rule) => {
        const named = rule[peers];
        const isPeer = named?.some((peer) => fitsPeer(peer, other, policy.namespace)) ?? true;
        return hasPort(rule) && isPeer;
      }),
    );
  });
}

function fitsPeer({ podSelector, namespaceSelector, ipBlock }: Peer, end: End, home: string) {
  if (ipBlock !== undefined) {
    return !(ipBlock.except ?? []).some((range) =>
      end.address.startsWith(range.split('.')[0] ?? ''),
    );
  }
  if (end.namespace === undefined) return false;
  const isNamespace =
    namespaceSelector === undefined
      ? end.namespace === home
      : isChosen(end.namespaceLabels, namespaceSelector.matchLabels);
  return isNamespace && isChosen(end.labels, podSelector?.matchLabels);
}

function pod(name: string, namespace: string, labels: Labels, more: Labels = {}): End {
  const namespaceLabels = { 'kubernetes.io/metadata.name': namespace, ...more };
  return { name, namespace, labels, namespaceLabels, address: '10.244.1.7' };
}

const outsiders: readonly End[] = [
  pod('dns', 'kube-system', { 'k8s-app': 'kube-dns' }),
  pod('stranger', 'default', { app: 'stranger' }),
  pod('ingress', 'ingress-nginx', { app: 'controller' }),
  pod('office', 'office', { app: 'office' }, backOffice),
  pod('watcher', 'monitoring', { app: 'prometheus' }),
  { name: 'internet', labels: {}, namespaceLabels: {}, address: '203.0.113.9' },
  { name: 'private', labels: {}, namespaceLabels: {}, address: '192.168.7.7' },
];

const isEnd = (party: Party, end: End): boolean => {
  switch (party.kind) {
    case 'anywhere':
      return end.isOurs === undefined;
    case 'internet':
      return end.name === 'internet';
    case 'namespaces':
      return isChosen(end.namespaceLabels, party.labels) && end.namespace !== undefined;
    case 'pods':
    case 'workload':
      return end.namespace === party.namespace && isChosen(end.labels, party.labels);
  }
};

function endsOf(manifests: readonly Manifest[]): readonly End[] {
  const ours = workloadsOf(manifests).map(({ name, namespace, labels }) =>
    pod(name, namespace, labels),
  );
  const nats = pod('nats', cluster.namespace, natsLabels(cluster.name));
  return [...ours, nats].map((end) => ({ ...end, isOurs: true as const }));
}

function declared(from: End, to: End, port: number, protocol: string, flows: readonly Flow[]) {
  const fits = (flow: Flow) =>
    isEnd(flow.from, from) &&
    isEnd(flow.to, to) &&
    flow.ports.some((each) => each.port === port && each.protocol === protocol);
  return flows.some(fits);
}

describe.each(environmentNames)('in %s', (name) => {
  const environment: Environment = environmentNamed(name);
  const manifests = manifestsOf(name);
  const policies = policiesIn(manifests);
  const ours = endsOf(manifests);
  const flows = flowsOf(services, environment);
  const ports = [
    ...new Set([
      ...flows.flatMap((flow) => flow.ports.map(({ port }) => port)),
      ...[22, 80, 8222, 10_250],
    ]),
  ];

  test('every pod is covered in both directions', () => {
    for (const end of ours) {
      expect([end.name, isCovered(end, policies, 'Ingress')]).toEqual([end.name, true]);
      expect([end.name, isCovered(end, policies, 'Egress')]).toEqual([end.name, true]);
    }
  });

  test('the traffic that is allowed is the traffic that is declared', () => {
    const wrong: string[] = [];
    const ends = [...ours, ...outsiders];
    for (const from of ends) {
      for (const to of ends.filter((end) => end.isOurs ?? from.isOurs)) {
        for (const port of ports) {
          for (const protocol of ['TCP', 'UDP']) {
            const allowed = isAllowed(from, to, port, protocol, policies);
            const expected = declared(from, to, port, protocol, flows);
            if (allowed !== expected) {
              wrong.push(`${from.name} → ${to.name}:${port}/${protocol} is ${allowed}`);
            }
          }
        }
      }
    }
    expect(wrong).toEqual([]);
  });
});

const prod = { flows: flowsOf(services, environmentNamed('prod')), manifests: manifestsOf('prod') };

test.each([
  ['order', 'nats', 4222, true],
  ['order', 'nats', 6222, false],
  ['stranger', 'nats', 4222, false],
  ['stranger', 'nats', 8222, false],
  ['operator', 'nats', 4222, true],
  ['nats', 'nats', 6222, true],
  ['payment', 'internet', 443, true],
  ['payment', 'private', 443, false],
  ['inventory', 'internet', 443, false],
  ['inventory', 'order', 8080, false],
  ['ingress', 'order', 8080, true],
  ['ingress', 'inventory', 8081, false],
  ['office', 'inventory', 8081, true],
  ['stranger', 'order', 8080, false],
  ['watcher', 'payment', 9082, true],
  ['stranger', 'payment', 9082, false],
  ['operator', 'private', 6443, true],
  ['private', 'operator', 8443, true],
  ['order', 'private', 6443, false],
])('in production, that %s reaches %s on port %i is %s', (from, to, port, expected) => {
  const ends = [...endsOf(prod.manifests), ...outsiders];
  const end = (name: string) => {
    const found = ends.find((each) => each.name === name);
    if (found === undefined) throw new Error(`There is no ${name}.`);
    return found;
  };
  const policies = policiesIn(prod.manifests);
  expect(isAllowed(end(from), end(to), port, 'TCP', policies)).toBe(expected);
});
