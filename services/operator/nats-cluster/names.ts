/** A cluster, or whatever is named after it. */
export interface Place {
  readonly namespace: string;
  readonly name: string;
}

export const ports = { client: 4222, cluster: 6222, monitor: 8222 } as const;

/** The account of the servers themselves, where the operator asks how they are. */
export const systemAccount = 'SYS';

export const clusterLabel = 'windlass.dev/cluster';

export const annotations = {
  paused: 'windlass.dev/paused',
  replaceNode: 'windlass.dev/replace-node',
  rollApproved: 'windlass.dev/roll-approved',
  /** `account/stream`, separated by commas: assets for which no roll waits. */
  quarantine: 'windlass.dev/quarantine',
  /** On the headless Service: the claim that a replacement is to delete, `pod/uid`. */
  replacing: 'windlass.dev/replacing',
  /** Digest of a child as the operator applied it. */
  applied: 'windlass.dev/applied',
  /** The pod template as the operator applied it, in JSON. */
  template: 'windlass.dev/template',
  /** Digest that changes with what the user asks for. */
  change: 'windlass.dev/change',
  /** How many servers the operator has decided on. */
  replicas: 'windlass.dev/replicas',
  templateRevision: 'windlass.dev/template-revision',
  version: 'windlass.dev/version',
  /** On pods: digest of what of the configuration a server takes over only when it starts. */
  startConfig: 'windlass.dev/start-config',
} as const;

/** Names of the children of cluster `name`. */
export function children(name: string) {
  return {
    statefulSet: name,
    clientService: name,
    headlessService: `${name}-headless`,
    configMap: `${name}-config`,
    credentials: `${name}-operator`,
    authority: `${name}-ca`,
    serverTls: `${name}-server-tls`,
    disruptionBudget: name,
    networkPolicy: name,
  };
}

export function podName(cluster: string, ordinal: number): string {
  return `${cluster}-${ordinal}`;
}

/** Undefined for a pod, or a server, that is none of the cluster's. */
export function ordinalOf(cluster: string, pod: string): number | undefined {
  if (!pod.startsWith(`${cluster}-`)) return undefined;
  const ordinal = pod.slice(cluster.length + 1);
  return /^(0|[1-9][0-9]*)$/.test(ordinal) ? Number(ordinal) : undefined;
}

export function claimName(pod: string): string {
  return `data-${pod}`;
}

export function routeUrl({ namespace, name }: Place, ordinal: number): string {
  const { headlessService } = children(name);
  return `nats://${podName(name, ordinal)}.${headlessService}.${namespace}.svc:${ports.cluster}`;
}

export function clientUrl({ namespace, name }: Place): string {
  return `nats://${children(name).clientService}.${namespace}.svc:${ports.client}`;
}

export function labelsOf(cluster: string): Readonly<Record<string, string>> {
  return {
    'app.kubernetes.io/name': 'nats',
    'app.kubernetes.io/instance': cluster,
    'app.kubernetes.io/managed-by': 'windlass',
    [clusterLabel]: cluster,
  };
}

/** What chooses the pods of a cluster. */
export function selectorOf(cluster: string): Readonly<Record<string, string>> {
  return { 'app.kubernetes.io/instance': cluster, [clusterLabel]: cluster };
}

/** How the facts name a child: `Service/orders`. */
export function liveKeyOf(kind: string, name: string): string {
  return `${kind}/${name}`;
}
