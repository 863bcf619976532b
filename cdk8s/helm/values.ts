import { logLevels } from '@windlass/runtime/config.ts';
import { z } from 'zod';
import { type Environment, type EnvironmentInput, environmentOf } from '../environments.ts';

/** How many replicas a service may be allowed. */
export interface ReplicaRange {
  readonly min: number;
  readonly max: number;
}

const text = (form: RegExp, about: string) => z.string().regex(form).describe(about);
const objectName = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const objectNameOrNone = /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)?$/;
const size = /^[1-9][0-9]{0,6}(Mi|Gi)$/;
const address = /^https?:\/\/[A-Za-z0-9.-]+(:[0-9]{1,5})?(\/[\w./~-]*)?$/;
const hostName = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;
/** One that is the same image for ever: a version, or a digest behind any tag. */
const pinnedTag =
  /^(v?[0-9]+\.[0-9]+(\.[0-9]+)?([-.][\w.-]{1,40})?|\w[\w.-]{0,62}@sha256:[0-9a-f]{64})$/;
const pinnedImageOrNone =
  /^([\w.:/-]+:v?[0-9]+\.[0-9]+(\.[0-9]+)?([-.][\w.-]+)?|[\w.:/-]+@sha256:[0-9a-f]{64})?$/;

const namespaces = z
  .strictObject({
    create: z
      .boolean()
      .describe(
        'Whether the chart makes the namespaces `windlass` and `windlass-system`, whose names ' +
          'are fixed, with restricted pod security. It never makes the one that the release ' +
          'is in: with `-n windlass --create-namespace` that is Helm, and the notes tell how ' +
          'to label it. `helm uninstall` keeps them.',
      ),
  })
  .describe('Where everything is.');

const image = z
  .strictObject({
    prefix: text(
      /^([\w.:-]+\/)*$/,
      'Before `windlass/<service>`, with its slash: `registry.example.com/`.',
    ),
    tag: text(pinnedTag, 'A version, or any tag with its digest; never one that moves.'),
  })
  .describe('The images of the services.');

const nats = z
  .strictObject({
    image: text(pinnedImageOrNone, 'Empty: the official one of its version.'),
    storage: text(size, 'The volume of each of the three servers.'),
    storageClass: text(objectNameOrNone, 'Empty: the default of the cluster.'),
    cpu: text(/^[1-9][0-9]{0,5}m?$/, 'What each server asks for; it may use more.'),
    memory: text(size, 'What each server asks for and is limited to.'),
  })
  .describe('The NATS cluster.');

const databases = z
  .strictObject({
    cloudnativePg: z
      .boolean()
      .describe(
        'Whether the chart makes a PostgreSQL for each service, with CloudNativePG 1.26 and ' +
          'its plugin Barman Cloud 0.15 or later. Otherwise the Secret ' +
          '`<service>-database-app` with the key `uri` has to be there for each of them.',
      ),
    storage: text(size, 'The volume of each instance.'),
    storageClass: text(objectNameOrNone, 'Empty: the default of the cluster.'),
    backups: z
      .strictObject({
        destination: text(/^s3:\/\/[\w./-]+$/, 'Every service gets a folder below it.'),
        endpoint: z
          .string()
          .regex(new RegExp(`^$|${address.source}`))
          .describe('Of an object store that is not that of AWS.'),
        secret: text(objectName, 'With the keys `access-key-id` and `secret-access-key`.'),
      })
      .describe('Where they are backed up to.'),
  })
  .describe('The databases.');

const provider = z
  .strictObject({
    url: text(
      address,
      'Where payments are taken and refunded: a public address, as pods reach no private one.',
    ),
  })
  .describe('The payment provider.');

const ingress = z
  .strictObject({
    enabled: z.boolean().describe('Whether there is an Ingress.'),
    host: text(hostName, 'Under which the world knows it.'),
    className: text(objectName, 'The IngressClass.'),
    tlsSecret: text(objectName, 'The Secret with the certificate of the host.'),
    controllerNamespace: text(
      objectName,
      'Pods of this namespace, and of those with the label `windlass.dev/back-office: "true"`, ' +
        'reach the order API.',
    ),
  })
  .describe('How the world reaches the order API.');

const autoscaling = ({ min, max }: ReplicaRange) =>
  z
    .strictObject({
      mode: z
        .enum(['external', 'keda', 'cpu'])
        .describe(
          '`external`: on the lag of consumers, which the operator serves as external metrics, ' +
            'and on processor time. `keda`: on the lag, with KEDA 2.20 or later. `cpu`: on ' +
            'processor time alone. The operator serves metrics in the first mode only, because ' +
            'a cluster has one server of external metrics.',
        ),
      replicasMax: z.int().min(min).max(max).describe('No service has more replicas.'),
      cpuPercent: z
        .int()
        .min(10)
        .max(500)
        .describe('Of the processor that a replica asks for. KEDA does not look at it.'),
      downAfterSeconds: z.int().min(0).max(3_600).describe('So long the load has to be less.'),
      downPercent: z.int().min(1).max(100).describe('Of the replicas, each minute at most.'),
    })
    .describe('How many replicas there are.');

const monitoring = z
  .strictObject({
    enabled: z
      .boolean()
      .describe(
        'Whether the chart makes PodMonitors and rules for the Prometheus operator, 0.85 or ' +
          'later, and dashboards for the sidecar of Grafana. The rules also use ' +
          'kube-state-metrics, 2.10 or later.',
      ),
    namespace: text(
      objectName,
      'Where Prometheus is, which may always look at the processes, and where the rules and ' +
        'dashboards are put.',
    ),
  })
  .describe('How it is watched.');

/**
 * The values of the chart: their forms, which Helm enforces, and what `values.yaml` says of them.
 * An empty text means that there is none.
 */
export function chartValues(range: ReplicaRange) {
  return z.strictObject({
    namespaces,
    image,
    logLevel: z.enum(logLevels).describe('From which level on processes write to their log.'),
    nats,
    databases,
    provider,
    ingress,
    autoscaling: autoscaling(range),
    monitoring,
  });
}

export type ChartSchema = ReturnType<typeof chartValues>;
export type ChartValues = Readonly<z.output<ChartSchema>>;

/** With which the chart says what the environment says, of the kinds that production has. */
export function defaultsOf(environment: Environment): ChartValues {
  const { images, nats, autoscaling, replicasMax, variables } = environment;
  const { clusters, provider, access, monitoring } = productionParts(environment);
  const { backups } = clusters;
  const { host, className, tlsSecret, controllerNamespace } = access;
  return {
    namespaces: { create: true },
    image: { prefix: images.prefix, tag: images.tag ?? '' },
    logLevel: z.enum(logLevels).parse(variables.LOG_LEVEL),
    nats: {
      image: nats.image ?? '',
      storage: nats.storage,
      storageClass: nats.storageClass ?? '',
      ...{ cpu: nats.cpu, memory: nats.memory },
    },
    databases: {
      cloudnativePg: false,
      storage: clusters.storage,
      storageClass: clusters.storageClass ?? '',
      backups: {
        destination: backups.destination,
        endpoint: backups.endpoint ?? '',
        secret: backups.secret,
      },
    },
    provider: { url: provider.url },
    ingress: { enabled: true, host, className, tlsSecret, controllerNamespace },
    autoscaling: {
      ...{ mode: 'external', replicasMax, cpuPercent: autoscaling.cpuPercent ?? 0 },
      downAfterSeconds: autoscaling.downAfterSeconds,
      downPercent: autoscaling.downPercent,
    },
    monitoring: { enabled: false, namespace: monitoring.namespace },
  };
}

/** The environment with these values. What is on or off, and the mode, are the chart's own. */
export function environmentWith(base: Environment, values: ChartValues): Environment {
  const { clusters, access } = productionParts(base);
  const { image, nats, databases, ingress, autoscaling } = values;
  const input: EnvironmentInput = {
    ...base,
    images: { prefix: image.prefix, tag: image.tag },
    variables: { ...base.variables, LOG_LEVEL: values.logLevel },
    nats: {
      ...{ version: base.nats.version, zoneSpread: base.nats.zoneSpread },
      ...{ storage: nats.storage, cpu: nats.cpu, memory: nats.memory },
      ...(nats.image === '' ? {} : { image: nats.image }),
      ...(nats.storageClass === '' ? {} : { storageClass: nats.storageClass }),
    },
    database: {
      kind: 'secret',
      clusters: {
        ...{ image: clusters.image, instances: clusters.instances, storage: databases.storage },
        ...(databases.storageClass === '' ? {} : { storageClass: databases.storageClass }),
        backups: {
          ...{ schedule: clusters.backups.schedule, keepDays: clusters.backups.keepDays },
          destination: databases.backups.destination,
          secret: databases.backups.secret,
          ...(databases.backups.endpoint === '' ? {} : { endpoint: databases.backups.endpoint }),
        },
      },
    },
    provider: { kind: 'external', url: values.provider.url },
    access: {
      ...access,
      ...{ host: ingress.host, className: ingress.className, tlsSecret: ingress.tlsSecret },
      controllerNamespace: ingress.controllerNamespace,
    },
    replicasMax: autoscaling.replicasMax,
    autoscaling: {
      cpuPercent: autoscaling.cpuPercent,
      downAfterSeconds: autoscaling.downAfterSeconds,
      downPercent: autoscaling.downPercent,
    },
    monitoring: { kind: 'external', namespace: values.monitoring.namespace },
  };
  return environmentOf(input);
}

function productionParts({ database, provider, access, monitoring }: Environment) {
  if (
    database.kind === 'secret' &&
    provider.kind === 'external' &&
    access.kind === 'ingress' &&
    monitoring.kind === 'external'
  ) {
    return { clusters: database.clusters, provider, access, monitoring };
  }
  throw new Error('The chart needs an environment whose parts are those of production.');
}
