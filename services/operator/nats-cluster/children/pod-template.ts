import type { NatsClusterSpec } from '../../api/nats-cluster.ts';
import { numberOf } from '../../api/quantity.ts';
import { paths } from '../configuration.ts';
import { annotations, children, labelsOf, ports, selectorOf } from '../names.ts';

/** Counted up whenever the same input gives other pods; for people. */
export const templateRevision = '1';

/** All that the pods of a cluster are made from. */
export interface TemplateInput {
  readonly cluster: string;
  readonly image: string;
  readonly resources: NatsClusterSpec['resources'];
  readonly goMemLimitPercent: number;
  readonly lameDuckSeconds: number;
  readonly topology: NatsClusterSpec['topology'];
  readonly pods: NatsClusterSpec['pods'];
  /** Secret with the certificates; absent without TLS. */
  readonly tlsSecret?: string;
  /** Digest of what a server takes over only when it starts. */
  readonly startConfig: string;
}

export type Template = Readonly<Record<string, unknown>>;

/** What the server needs after lame duck to close its files. */
const closingSeconds = 20;
/** The user and group of the process: the image's own is root. */
const user = 1_000;
/** Raft logs of a large server take a while to read. */
const startupProbes = 90;

export function imageOf({ image, version }: Pick<NatsClusterSpec, 'image' | 'version'>): string {
  return image ?? `nats:${version}-alpine`;
}

/** Pods that the Pod Security Standard "restricted" admits. */
export function podTemplate(input: TemplateInput): Template {
  const { cluster, pods } = input;
  return {
    metadata: {
      labels: { ...pods?.labels, ...labelsOf(cluster) },
      annotations: { ...pods?.annotations, [annotations.startConfig]: input.startConfig },
    },
    spec: {
      terminationGracePeriodSeconds: input.lameDuckSeconds + closingSeconds,
      enableServiceLinks: false,
      automountServiceAccountToken: false,
      securityContext: {
        runAsNonRoot: true,
        runAsUser: user,
        runAsGroup: user,
        fsGroup: user,
        fsGroupChangePolicy: 'OnRootMismatch',
        seccompProfile: { type: 'RuntimeDefault' },
      },
      topologySpreadConstraints: spread(input),
      ...(pods?.nodeSelector === undefined ? {} : { nodeSelector: pods.nodeSelector }),
      ...(pods?.tolerations === undefined ? {} : { tolerations: pods.tolerations }),
      ...(pods?.priorityClassName === undefined
        ? {}
        : { priorityClassName: pods.priorityClassName }),
      containers: [container(input)],
      volumes: volumes(input),
    },
  };
}

function container(input: TemplateInput) {
  const fieldRef = (fieldPath: string) => ({ fieldRef: { apiVersion: 'v1', fieldPath } });
  return {
    name: 'nats',
    image: input.image,
    args: ['--config', `${paths.config}/nats.conf`],
    ports: [
      { name: 'client', containerPort: ports.client, protocol: 'TCP' },
      { name: 'cluster', containerPort: ports.cluster, protocol: 'TCP' },
      { name: 'monitor', containerPort: ports.monitor, protocol: 'TCP' },
    ],
    env: [
      { name: 'POD_NAME', valueFrom: fieldRef('metadata.name') },
      { name: 'POD_IP', valueFrom: fieldRef('status.podIP') },
      ...memoryLimit(input),
    ],
    resources: {
      requests: input.resources.requests ?? input.resources.limits,
      limits: input.resources.limits,
    },
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
    startupProbe: probe(startupProbes, 10),
    readinessProbe: probe(3, 10),
    livenessProbe: probe(3, 30),
    lifecycle: {
      preStop: { exec: { command: ['nats-server', `-sl=ldm=${paths.run}/nats.pid`] } },
    },
    volumeMounts: [
      { name: 'data', mountPath: paths.data },
      { name: 'config', mountPath: paths.config, readOnly: true },
      { name: 'run', mountPath: paths.run },
      ...(input.tlsSecret === undefined
        ? []
        : [{ name: 'tls', mountPath: paths.tls, readOnly: true }]),
    ],
  };
}

/**
 * Only whether it accepts connections. The full check of one server fails for a stream that is
 * broken on all of them, and a restart of all would not mend it; the operator looks deeper.
 */
function probe(failureThreshold: number, periodSeconds: number) {
  return {
    httpGet: { path: '/healthz?js-server-only=true', port: 'monitor', scheme: 'HTTP' },
    periodSeconds,
    timeoutSeconds: 5,
    successThreshold: 1,
    failureThreshold,
  };
}

function memoryLimit({ resources, goMemLimitPercent }: TemplateInput) {
  const memory = resources.limits.memory;
  if (memory === undefined) return [];
  const bytes = Math.floor((numberOf(memory) * goMemLimitPercent) / 100);
  return [{ name: 'GOMEMLIMIT', value: `${Math.floor(bytes / 1_024)}KiB` }];
}

function spread({ cluster, topology }: TemplateInput) {
  const constraint = (topologyKey: string, isRequired: boolean) => ({
    maxSkew: 1,
    topologyKey,
    whenUnsatisfiable: isRequired ? 'DoNotSchedule' : 'ScheduleAnyway',
    labelSelector: { matchLabels: selectorOf(cluster) },
  });
  return [
    ...(topology.zoneSpread === 'None'
      ? []
      : [constraint(topology.zoneKey, topology.zoneSpread === 'Required')]),
    constraint('kubernetes.io/hostname', false),
  ];
}

function volumes({ cluster, tlsSecret }: TemplateInput) {
  const names = children(cluster);
  return [
    { name: 'config', configMap: { name: names.configMap } },
    { name: 'run', emptyDir: {} },
    ...(tlsSecret === undefined ? [] : [{ name: 'tls', secret: { secretName: tlsSecret } }]),
  ];
}
