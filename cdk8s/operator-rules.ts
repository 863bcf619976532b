/** One thing that the operator may do, as a rule of Kubernetes with its reason. */
export interface Rule {
  readonly apiGroup: string;
  readonly resource: string;
  readonly verbs: readonly Verb[];
  /** Absent: all of them, or those that do not exist yet. */
  readonly names?: readonly string[];
  readonly why: string;
}
export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete';

const group = 'windlass.dev';
/** To apply is to patch, and to create what is not there. */
const applied: readonly Verb[] = ['list', 'watch', 'create', 'patch'];
/** Its finalizer may be on them. */
const finalized = ['natsclusters', 'streams', 'consumers', 'keyvalues', 'objectstores'] as const;
const reconciled = [...finalized, 'natsusers'];

/** In the namespace that it watches. There and nowhere else it reads Secrets of others. */
export const watchedRules: readonly Rule[] = [
  ...finalized.map(
    // It has to create none: with the uid of an object that is gone, an apply is a conflict.
    (resource): Rule => ({ apiGroup: group, resource, verbs: ['patch'], why: 'its finalizer' }),
  ),
  ...reconciled.flatMap((resource): Rule[] => [
    { apiGroup: group, resource, verbs: ['list', 'watch'], why: 'what it works on' },
    { apiGroup: group, resource: `${resource}/status`, verbs: ['patch'], why: 'their conditions' },
  ]),
  { apiGroup: group, resource: 'accounts', verbs: ['list', 'watch'], why: 'where assets are' },
  {
    ...{ apiGroup: group, resource: 'natsclusters/finalizers', verbs: ['update'] },
    why: 'children block the deletion of their owner, which some clusters check',
  },
  {
    ...{ apiGroup: group, resource: 'natsusers/finalizers', verbs: ['update'] },
    why: 'children block the deletion of their owner, which some clusters check',
  },
  { apiGroup: '', resource: 'services', verbs: applied, why: 'children of a cluster' },
  {
    ...{ apiGroup: '', resource: 'configmaps', verbs: ['get', ...applied] },
    why: 'configuration and certificate bundles of a cluster',
  },
  {
    ...{ apiGroup: '', resource: 'secrets', verbs: ['get', ...applied, 'delete'] },
    why: 'keys and certificates of clusters and users',
  },
  { apiGroup: '', resource: 'pods', verbs: ['list', 'watch'], why: 'servers of a cluster' },
  {
    ...{ apiGroup: '', resource: 'pods/eviction', verbs: ['create'] },
    why: 'servers are stopped within their disruption budget',
  },
  {
    ...{ apiGroup: '', resource: 'persistentvolumeclaims' },
    ...{ verbs: ['list', 'watch', 'patch', 'delete'] as const },
    why: 'volumes grow, and go with a lost or removed server',
  },
  { apiGroup: '', resource: 'events', verbs: ['create', 'patch'], why: 'what it has done' },
  {
    ...{ apiGroup: 'apps', resource: 'statefulsets', verbs: [...applied, 'delete'] },
    why: 'servers of a cluster; another one takes its place when volumes grow',
  },
  {
    ...{ apiGroup: 'policy', resource: 'poddisruptionbudgets', verbs: applied },
    why: 'children of a cluster',
  },
  {
    ...{ apiGroup: 'networking.k8s.io', resource: 'networkpolicies', verbs: applied },
    why: 'children of a cluster',
  },
];

/** As well, where clusters have their certificates from cert-manager. */
export const certManagerRules: readonly Rule[] = [
  {
    ...{ apiGroup: 'cert-manager.io', resource: 'certificates' },
    ...{ verbs: ['get', 'create', 'patch'] as const },
    why: 'orders of NatsClusters with tls.mode CertManager',
  },
];

/** In its own namespace. What is created has no name yet that a rule could tell. */
export function ownRules(lease: string, service: string): readonly Rule[] {
  const secret = `${service}-serving`;
  return [
    {
      ...{ apiGroup: 'coordination.k8s.io', resource: 'leases', verbs: ['create'] },
      why: 'which replica leads',
    },
    {
      ...{ apiGroup: 'coordination.k8s.io', resource: 'leases', verbs: ['get', 'update'] },
      ...{ names: [lease], why: 'which replica leads' },
    },
    { apiGroup: '', resource: 'secrets', verbs: ['create'], why: 'its serving certificate' },
    {
      ...{ apiGroup: '', resource: 'secrets', verbs: ['get', 'patch'], names: [secret] },
      why: 'its serving certificate',
    },
  ];
}

/** The ClusterRole of whoever may read the external metrics. */
export const metricsReaderName = 'windlass-external-metrics-reader';

/** Of the whole cluster: what has no namespace. */
export const clusterRules: readonly Rule[] = [
  {
    ...{ apiGroup: '', resource: 'namespaces', verbs: ['get', 'list', 'watch'] },
    why: 'in one that is going, nothing is made any more',
  },
  {
    // Patching what is not there is authorized as creating it, and then the name is known.
    ...{ apiGroup: 'apiregistration.k8s.io', resource: 'apiservices' },
    ...{ verbs: ['get', 'create', 'patch'] as const },
    names: ['v1beta1.external.metrics.k8s.io'],
    why: 'registers its external metrics with their certificate bundle',
  },
  {
    ...{ apiGroup: 'rbac.authorization.k8s.io', resource: 'clusterroles', verbs: ['get'] },
    names: [metricsReaderName],
    why: 'owns that registration, so that it goes with the operator',
  },
];
