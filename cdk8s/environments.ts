import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '@windlass/local/directory.ts';
import { z } from 'zod';

const text = z.string().min(1);
const whole = z.int().min(1);
const quantity = z.string().regex(/^[0-9]+(Mi|Gi|m)?$/, 'must be a quantity such as 512Mi');
const objectName = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'must be the name of an object of Kubernetes');
/** A tag that names one image for ever, or a digest. */
const reference = z
  .string()
  .regex(/^[\w./-]+(:[\w.-]+)?(@sha256:[0-9a-f]{64})?$/, 'must be an image');

const natsValues = z.strictObject({
  version: z.string().regex(/^\d+\.\d+\.\d+$/, 'must be a version of nats-server'),
  /** Absent: the official one of that version. */
  image: reference.optional(),
  storage: quantity,
  storageClass: objectName.optional(),
  /** What a server asks for; it may use more. */
  cpu: quantity,
  memory: quantity,
  zoneSpread: z.enum(['Required', 'Preferred']),
});

/** `bundled`: one PostgreSQL for all services, and without passwords. */
const databaseValues = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('bundled'), image: reference, storage: quantity }),
  /** The URL of each service's database is in its Secret `<service>-database-app`, key `uri`. */
  z.strictObject({
    kind: z.literal('secret'),
    /** Of the CloudNativePG clusters in `prod-addons`. */
    clusters: z.strictObject({
      image: reference,
      instances: whole,
      storage: quantity,
      storageClass: objectName.optional(),
      backups: z.strictObject({
        /** Path of an object store, of which every service gets a folder. */
        destination: z.string().regex(/^s3:\/\/\S+$/, 'must be an address such as s3://bucket'),
        endpoint: z.url().optional(),
        /** Secret with the keys `access-key-id` and `secret-access-key`. */
        secret: objectName,
        /** With seconds first. */
        schedule: text,
        keepDays: whole,
      }),
    }),
  }),
]);

/** Stands before the order API. */
const accessValues = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('node-port'), port: z.int().min(30_000).max(32_767) }),
  z.strictObject({
    kind: z.literal('ingress'),
    host: text,
    className: objectName,
    tlsSecret: objectName,
    /** Where the pods of the ingress controller are. */
    controllerNamespace: objectName,
  }),
]);

const monitoringValues = z.discriminatedUnion('kind', [
  /** Small servers of our own; without an image there is no Grafana. */
  z.strictObject({
    kind: z.literal('bundled'),
    prometheus: reference,
    /** Whether this Prometheus knows the flags of version 3. */
    exemplars: z.boolean(),
    grafana: reference.optional(),
  }),
  /** Somebody else's Prometheus, in that namespace. */
  z.strictObject({ kind: z.literal('external'), namespace: objectName }),
]);

const environmentSchema = z.strictObject({
  name: z.enum(['dev', 'ci', 'prod']),
  images: z.strictObject({
    /** Before the name of each image, with its slash. */
    prefix: z.string().regex(/^([\w.:-]+\/)*$/, 'must end with a slash'),
    /** Absent: whoever deploys puts it in. */
    tag: z
      .string()
      .regex(/^[\w][\w.-]{0,127}(@sha256:[0-9a-f]{64})?$/, 'must be the tag of an image')
      .optional(),
  }),
  /** Whether processes run from sources that may change while they run. */
  hotReload: z.boolean(),
  /** Of what a service declares, how much processor is asked for. */
  cpuShare: z.number().gt(0).max(1),
  /** No service has more replicas. */
  replicasMax: whole,
  nats: natsValues,
  streams: z.strictObject({ replicas: z.literal([1, 3]), maxAgeDays: whole, maxBytes: whole }),
  database: databaseValues,
  /** The payment provider: our double, or the address of a real one. */
  provider: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('double'), storage: quantity }),
    z.strictObject({ kind: z.literal('external'), url: z.url() }),
  ]),
  autoscaling: z.strictObject({
    /** Absent: lag alone. One metric that fails keeps an autoscaler from scaling down. */
    cpuPercent: z.int().min(10).max(500).optional(),
    downAfterSeconds: z.int().min(0).max(3_600),
    downPercent: z.int().min(1).max(100),
  }),
  shutdown: z.strictObject({ drainSeconds: whole, graceSeconds: whole, preStopSeconds: whole }),
  access: accessValues,
  /** Variables of every service, see docs/configuration.md. */
  variables: z.record(z.string().regex(/^[A-Z][A-Z0-9_]*$/), z.string()),
  monitoring: monitoringValues,
});

export type Environment = Readonly<z.output<typeof environmentSchema>>;
export type EnvironmentName = Environment['name'];
export type EnvironmentInput = z.input<typeof environmentSchema>;

/** Images of a release are named after it. */
export const { version: release } = z
  .object({ version: text })
  .parse(JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')));

const mebibyte = 1_024 * 1_024;
const gibibyte = 1_024 * mebibyte;

/** What dev and ci share: a cluster whose nodes are processes of one machine. */
const onOneMachine = {
  cpuShare: 0.1,
  replicasMax: 4,
  nats: { version: '2.15.1', storage: '2Gi', cpu: '100m', memory: '256Mi' },
  streams: { replicas: 3, maxAgeDays: 1, maxBytes: 256 * mebibyte },
  database: { kind: 'bundled', image: 'postgres:15-bookworm', storage: '2Gi' },
  provider: { kind: 'double', storage: '1Gi' },
  access: { kind: 'node-port', port: 30_080 },
} as const;

const inputs: Readonly<Record<EnvironmentName, EnvironmentInput>> = {
  dev: {
    ...onOneMachine,
    name: 'dev',
    images: { prefix: '' },
    hotReload: true,
    nats: { ...onOneMachine.nats, zoneSpread: 'Preferred' },
    autoscaling: { downAfterSeconds: 60, downPercent: 50 },
    shutdown: { drainSeconds: 15, graceSeconds: 30, preStopSeconds: 5 },
    variables: { LOG_LEVEL: 'debug', TRACE_SAMPLE_RATIO: '1' },
    monitoring: {
      kind: 'bundled',
      prometheus: 'prom/prometheus:v3.5.0',
      exemplars: true,
      grafana: 'grafana/grafana:12.1.0',
    },
  },
  ci: {
    ...onOneMachine,
    name: 'ci',
    images: { prefix: '', tag: 'ci' },
    hotReload: false,
    nats: { ...onOneMachine.nats, zoneSpread: 'Required' },
    autoscaling: { downAfterSeconds: 15, downPercent: 100 },
    shutdown: { drainSeconds: 25, graceSeconds: 40, preStopSeconds: 5 },
    variables: {},
    monitoring: { kind: 'bundled', prometheus: 'windlass/prometheus:ci', exemplars: true },
  },
  prod: {
    name: 'prod',
    images: { prefix: '', tag: release },
    hotReload: false,
    cpuShare: 1,
    replicasMax: 8,
    nats: {
      ...{ version: '2.15.1', storage: '40Gi', cpu: '1', memory: '2Gi' },
      zoneSpread: 'Required',
    },
    streams: { replicas: 3, maxAgeDays: 14, maxBytes: 8 * gibibyte },
    database: {
      kind: 'secret',
      clusters: {
        image: 'ghcr.io/cloudnative-pg/postgresql:17.5',
        instances: 3,
        storage: '50Gi',
        backups: {
          destination: 's3://windlass-backups',
          secret: 'database-backups',
          schedule: '0 0 2 * * *',
          keepDays: 30,
        },
      },
    },
    provider: { kind: 'external', url: 'https://payments.example.com' },
    autoscaling: { cpuPercent: 70, downAfterSeconds: 300, downPercent: 25 },
    shutdown: { drainSeconds: 25, graceSeconds: 40, preStopSeconds: 5 },
    access: {
      kind: 'ingress',
      host: 'orders.example.com',
      className: 'nginx',
      tlsSecret: 'orders-tls',
      controllerNamespace: 'ingress-nginx',
    },
    variables: { LOG_LEVEL: 'info' },
    monitoring: { kind: 'external', namespace: 'monitoring' },
  },
};

export const environmentNames: readonly EnvironmentName[] = ['dev', 'ci', 'prod'];

/** Throws an Error of one sentence when a value cannot be. */
export function environmentOf(input: EnvironmentInput): Environment {
  const parsed = environmentSchema.safeParse(input);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue?.path.join('.') || 'it';
  throw new Error(`Environment ${input.name}: ${where} is wrong: ${issue?.message ?? 'why?'}.`);
}

/** The values of an environment as they stand here, to be changed in tests. */
export function inputOf(name: EnvironmentName): EnvironmentInput {
  return inputs[name];
}

/** Throws as `environmentOf` does. */
export function environmentNamed(name: EnvironmentName): Environment {
  return environmentOf(inputs[name]);
}
