import type { ServiceDefinition } from '@windlass/contracts/service.ts';
import {
  ports as natsPorts,
  selectorOf as natsSelector,
} from '@windlass/operator/nats-cluster/names.ts';
import type { Environment } from './environments.ts';
import {
  cluster,
  deployedIn,
  type Labels,
  namespaceOf,
  namespaces,
  opsPort,
  selectorOf,
} from './naming.ts';

/** One end of a flow. */
export type Party =
  /** Pods of ours: they get a policy. */
  | {
      readonly kind: 'workload';
      readonly name: string;
      readonly namespace: string;
      readonly labels: Labels;
    }
  /** Pods of others. */
  | { readonly kind: 'pods'; readonly namespace: string; readonly labels: Labels }
  /** Pods of all namespaces with these labels. */
  | { readonly kind: 'namespaces'; readonly labels: Labels }
  /** Whoever is none of ours, a pod or not: ours are named, or the other end refuses them. */
  | { readonly kind: 'anywhere' }
  /** Addresses outside of private networks. */
  | { readonly kind: 'internet' };
export type Workload = Extract<Party, { kind: 'workload' }>;

export interface Port {
  readonly protocol: 'TCP' | 'UDP';
  readonly port: number;
}

/** That one end opens connections to the other. */
export interface Flow {
  readonly from: Party;
  readonly to: Party;
  readonly ports: readonly Port[];
}

export const postgresPort = 5_432;
export const prometheusPort = 9_090;
export const grafanaPort = 3_000;
/** Of API servers: behind their Service, and their own. */
export const apiServerPorts = [443, 6_443];
/** Namespaces with this label may reach the HTTP interfaces of all services. */
export const backOffice = { 'windlass.dev/back-office': 'true' } as const;

export const tcp = (...ports: readonly number[]): readonly Port[] =>
  ports.map((port) => ({ protocol: 'TCP', port }));
const anywhere: Party = { kind: 'anywhere' };
export const dns: Party = {
  kind: 'pods',
  namespace: 'kube-system',
  labels: { 'k8s-app': 'kube-dns' },
};
export const dnsPorts: readonly Port[] = [
  { protocol: 'UDP', port: 53 },
  { protocol: 'TCP', port: 53 },
];

export function workload(name: string, namespace: string): Workload {
  return { kind: 'workload', name, namespace, labels: selectorOf(name) };
}

export const nats: Workload = {
  kind: 'workload',
  name: cluster.name,
  namespace: cluster.namespace,
  labels: natsSelector(cluster.name),
};
export const postgres = workload('postgres', namespaces.platform);
export const prometheus = workload('prometheus', namespaces.monitoring);
export const grafana = workload('grafana', namespaces.monitoring);

export function workloadOf(service: ServiceDefinition): Workload {
  return workload(service.name, namespaceOf(service));
}

/**
 * Who talks to whom, from what the services say of themselves. Whatever is not in it is refused.
 * Answers belong to their flow, and a node reaches the pods that run on it.
 */
export function flowsOf(
  services: readonly ServiceDefinition[],
  environment: Environment,
): readonly Flow[] {
  const deployed = deployedIn(services, environment);
  const flows = [
    ...deployed.flatMap((service) => flowsOfService(service, services, environment)),
    ...deployed.filter(({ role }) => role === 'operator').flatMap(flowsOfOperator),
    { from: nats, to: nats, ports: tcp(natsPorts.cluster) },
    ...monitoringFlows(deployed, environment),
  ];
  const resolvers = workloadsIn(flows).map((from) => ({ from, to: dns, ports: dnsPorts }));
  return [...flows, ...resolvers];
}

/** Every workload that is an end of a flow, once. */
export function workloadsIn(flows: readonly Flow[]): readonly Workload[] {
  const ends = flows.flatMap(({ from, to }) => [from, to]);
  const found = new Map<string, Workload>();
  for (const end of ends) {
    if (end.kind === 'workload') found.set(`${end.namespace}/${end.name}`, end);
  }
  return [...found.values()];
}

function flowsOfService(
  service: ServiceDefinition,
  services: readonly ServiceDefinition[],
  environment: Environment,
): readonly Flow[] {
  if (service.role === 'operator') return [];
  const self = workloadOf(service);
  const http = tcp(service.port);
  const usesNats = service.consumes.length + service.publishes.length > 0;
  return [
    ...callersOf(service, environment).map((from) => ({ from, to: self, ports: http })),
    ...(usesNats ? [{ from: self, to: nats, ports: tcp(natsPorts.client) }] : []),
    ...(service.database
      ? [{ from: self, to: databaseOf(environment), ports: tcp(postgresPort) }]
      : []),
    ...service.calls.map((name) => ({ from: self, ...calleeOf(name, services, environment) })),
  ];
}

/** Whoever tries the platform out may look at everything. */
function callersOf(service: ServiceDefinition, { access }: Environment): readonly Party[] {
  if (access.kind === 'node-port') return [anywhere];
  const office: Party = { kind: 'namespaces', labels: backOffice };
  if (service.role !== 'api') return [office];
  return [
    office,
    {
      kind: 'namespaces',
      labels: { 'kubernetes.io/metadata.name': access.controllerNamespace },
    },
  ];
}

/** Where the databases are is known to their Secrets alone, unless they are our own. */
function databaseOf({ database }: Environment): Party {
  return database.kind === 'bundled' ? postgres : anywhere;
}

function calleeOf(
  name: string,
  services: readonly ServiceDefinition[],
  { provider }: Environment,
): Pick<Flow, 'to' | 'ports'> {
  const callee = services.find((service) => service.name === name);
  if (callee === undefined) throw new Error(`There is no service ${name} to be called.`);
  if (callee.role !== 'double' || provider.kind === 'double') {
    return { to: workloadOf(callee), ports: tcp(callee.port) };
  }
  const { protocol, port } = new URL(provider.url);
  const standard = protocol === 'https:' ? 443 : 80;
  return { to: { kind: 'internet' }, ports: tcp(port === '' ? standard : Number(port)) };
}

function flowsOfOperator(service: ServiceDefinition): readonly Flow[] {
  const self = workloadOf(service);
  return [
    // API servers are no pods.
    { from: self, to: anywhere, ports: tcp(...apiServerPorts) },
    { from: anywhere, to: self, ports: tcp(service.port) },
    { from: self, to: nats, ports: tcp(natsPorts.client) },
  ];
}

function monitoringFlows(
  services: readonly ServiceDefinition[],
  { monitoring }: Environment,
): readonly Flow[] {
  const watched = services.map((service) => ({
    to: workloadOf(service),
    ports: tcp(opsPort(service)),
  }));
  if (monitoring.kind === 'external') {
    const labels = { 'kubernetes.io/metadata.name': monitoring.namespace };
    return watched.map((to) => ({ from: { kind: 'namespaces', labels }, ...to }));
  }
  const scrapes = watched.map((to) => ({ from: prometheus, ...to }));
  // People and tests ask it from outside; it has nothing to hide in these environments.
  const asked = { from: anywhere, to: prometheus, ports: tcp(prometheusPort) };
  if (monitoring.grafana === undefined) return [...scrapes, asked];
  return [
    ...scrapes,
    asked,
    { from: grafana, to: prometheus, ports: tcp(prometheusPort) },
    { from: anywhere, to: grafana, ports: tcp(grafanaPort) },
  ];
}
