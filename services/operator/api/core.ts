import { z } from 'zod';
import type { Resource } from '../control/objects.ts';

function builtIn(group: string, version: string, plural: string, kind: string): Resource {
  return { group, version, plural, kind, namespaced: true };
}

export const pods = builtIn('', 'v1', 'pods', 'Pod');
export const secrets = builtIn('', 'v1', 'secrets', 'Secret');
export const configMaps = builtIn('', 'v1', 'configmaps', 'ConfigMap');
export const services = builtIn('', 'v1', 'services', 'Service');
export const serviceAccounts = builtIn('', 'v1', 'serviceaccounts', 'ServiceAccount');
export const persistentVolumeClaims = builtIn(
  '',
  'v1',
  'persistentvolumeclaims',
  'PersistentVolumeClaim',
);
export const namespaces: Resource = {
  ...builtIn('', 'v1', 'namespaces', 'Namespace'),
  namespaced: false,
};
export const nodes: Resource = { ...builtIn('', 'v1', 'nodes', 'Node'), namespaced: false };
/** Events of the core group: what `kubectl describe` shows. */
export const events = builtIn('', 'v1', 'events', 'Event');
export const statefulSets = builtIn('apps', 'v1', 'statefulsets', 'StatefulSet');
export const controllerRevisions = builtIn(
  'apps',
  'v1',
  'controllerrevisions',
  'ControllerRevision',
);
export const deployments = builtIn('apps', 'v1', 'deployments', 'Deployment');
export const podDisruptionBudgets = builtIn(
  'policy',
  'v1',
  'poddisruptionbudgets',
  'PodDisruptionBudget',
);
export const networkPolicies = builtIn(
  'networking.k8s.io',
  'v1',
  'networkpolicies',
  'NetworkPolicy',
);
export const leases = builtIn('coordination.k8s.io', 'v1', 'leases', 'Lease');
export const clusterRoles: Resource = {
  ...builtIn('rbac.authorization.k8s.io', 'v1', 'clusterroles', 'ClusterRole'),
  namespaced: false,
};
export const apiServices: Resource = {
  ...builtIn('apiregistration.k8s.io', 'v1', 'apiservices', 'APIService'),
  namespaced: false,
};
export const customResourceDefinitions: Resource = {
  ...builtIn('apiextensions.k8s.io', 'v1', 'customresourcedefinitions', 'CustomResourceDefinition'),
  namespaced: false,
};
/** Of cert-manager: there only where somebody has installed it. */
export const certificates = builtIn('cert-manager.io', 'v1', 'certificates', 'Certificate');

const strings = z.record(z.string(), z.string());

const metadata = z.object({
  name: z.string(),
  namespace: z.string().optional(),
  uid: z.string(),
  resourceVersion: z.string().optional(),
  generation: z.int().optional(),
  creationTimestamp: z.string().optional(),
  deletionTimestamp: z.string().optional(),
  labels: strings.default({}),
  annotations: strings.default({}),
  finalizers: z.array(z.string()).default([]),
});

const condition = z.object({
  type: z.string(),
  status: z.string(),
  reason: z.string().optional(),
  message: z.string().optional(),
  lastTransitionTime: z.string().optional(),
});
const conditions = z.array(condition).default([]);

const containerStatus = z.object({
  name: z.string(),
  ready: z.boolean().default(false),
  restartCount: z.int().default(0),
  image: z.string().optional(),
  imageID: z.string().optional(),
  state: z
    .object({
      waiting: z.object({ reason: z.string().optional() }).optional(),
      running: z.object({ startedAt: z.string().optional() }).optional(),
      terminated: z
        .object({ exitCode: z.int().optional(), reason: z.string().optional() })
        .optional(),
    })
    .default({}),
});

/** A Pod, as far as the operator reads it. */
export const pod = z.object({
  metadata,
  spec: z
    .object({
      nodeName: z.string().optional(),
      containers: z.array(z.object({ name: z.string(), image: z.string().optional() })).default([]),
    })
    .prefault({}),
  status: z
    .object({
      phase: z.enum(['Pending', 'Running', 'Succeeded', 'Failed', 'Unknown']).default('Pending'),
      podIP: z.string().optional(),
      conditions,
      containerStatuses: z.array(containerStatus).default([]),
    })
    .prefault({}),
});
export type Pod = z.output<typeof pod>;

export const statefulSet = z.object({
  metadata,
  spec: z
    .object({
      replicas: z.int().default(1),
      template: z
        .object({ metadata: z.object({ annotations: strings.default({}) }).prefault({}) })
        .prefault({ metadata: {} }),
    })
    .prefault({}),
  status: z
    .object({
      observedGeneration: z.int().optional(),
      replicas: z.int().default(0),
      readyReplicas: z.int().default(0),
      currentRevision: z.string().optional(),
      updateRevision: z.string().optional(),
    })
    .prefault({}),
});
export type StatefulSet = z.output<typeof statefulSet>;

/** The values of `data` are decoded from base64. */
export const secret = z.object({
  metadata,
  type: z.string().default('Opaque'),
  data: z
    .record(
      z.string(),
      z.base64().transform((value) => Buffer.from(value, 'base64')),
    )
    .default({}),
});
export type Secret = z.output<typeof secret>;

export const configMap = z.object({ metadata, data: strings.default({}) });
export type ConfigMap = z.output<typeof configMap>;

export const namespace = z.object({
  metadata,
  status: z.object({ phase: z.enum(['Active', 'Terminating']).default('Active') }).prefault({}),
});
export type Namespace = z.output<typeof namespace>;

const storage = z.object({ storage: z.string().optional() });

export const persistentVolumeClaim = z.object({
  metadata,
  spec: z
    .object({
      storageClassName: z.string().optional(),
      volumeName: z.string().optional(),
      resources: z.object({ requests: storage.prefault({}) }).prefault({}),
    })
    .prefault({}),
  status: z
    .object({
      phase: z.enum(['Pending', 'Bound', 'Lost']).default('Pending'),
      capacity: storage.prefault({}),
      conditions,
    })
    .prefault({}),
});
export type PersistentVolumeClaim = z.output<typeof persistentVolumeClaim>;
