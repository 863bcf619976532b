import { z } from 'zod';
import { accountName, objectName } from './connection.ts';
import { comparableDuration } from './duration.ts';
import { quantity } from './quantity.ts';

const labels = z.record(z.string(), z.string().max(4096)).meta({ maxProperties: 64 });
const quantities = z.record(z.string(), quantity).meta({ maxProperties: 16 });
const count = z.int().min(-1);

const storage = z.object({
  size: quantity.default('10Gi').describe('Size of the volume of each server; it never shrinks.'),
  className: objectName.optional().describe('StorageClass of the volumes.'),
  syncInterval: z
    .string()
    .max(64)
    .regex(/^(always|([0-9]+(ms|s|m|h))+)$/)
    .meta({ sentence: 'syncInterval is always, or a duration: 2m.' })
    .default('always')
    .describe('When files are synced: with every message, or this often.'),
  fileStorePercent: z
    .int()
    .min(10)
    .max(95)
    .default(80)
    .describe('How much of the volume JetStream may fill, in percent.'),
  memoryStore: quantity
    .optional()
    .describe('How much memory streams in memory may take; a quarter of the limit without it.'),
  whenDeleted: z
    .enum(['Retain', 'Delete'])
    .default('Retain')
    .describe('What becomes of the volumes when the cluster is deleted.'),
});

const jetstreamLimits = z.object({
  maxStorage: quantity.optional().describe('Bytes of streams in files; no limit without it.'),
  maxMemory: quantity.optional().describe('Bytes of streams in memory; no limit without it.'),
  maxStreams: count.optional().describe('How many streams; no limit without it.'),
  maxConsumers: count.optional().describe('How many consumers; no limit without it.'),
});

const account = z.object({
  name: accountName.describe('Name of the account; SYS is the one of the operator.'),
  jetstream: jetstreamLimits.prefault({}).describe('What it may take of JetStream.'),
});

const tls = z.object({
  mode: z
    .enum(['SelfManaged', 'Disabled', 'Secret', 'CertManager'])
    .default('SelfManaged')
    .describe('Where the certificates of clients and routes come from.'),
  secretName: objectName
    .optional()
    .describe('With mode Secret: the Secret with tls.crt and so on.'),
  issuerRef: z
    .object({
      name: objectName.describe('Name of the issuer.'),
      kind: z.enum(['Issuer', 'ClusterIssuer']).default('Issuer').describe('Its kind.'),
      group: z.string().max(253).default('cert-manager.io').describe('Its group.'),
    })
    .optional()
    .describe('With mode CertManager: who issues the certificates.'),
  duration: comparableDuration.default('2160h').describe('How long a certificate is valid.'),
  renewBefore: comparableDuration
    .default('720h')
    .describe('How long before its end a certificate is replaced.'),
});

const toleration = z.object({
  key: z.string().max(317).optional().describe('Key of the taint; all without it.'),
  operator: z.enum(['Exists', 'Equal']).optional().describe('How the value is compared.'),
  value: z.string().max(63).optional().describe('Value of the taint.'),
  effect: z
    .enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute'])
    .optional()
    .describe('Effect of the taint; all without it.'),
  tolerationSeconds: z.int().min(0).optional().describe('For how long it is tolerated.'),
});

const pods = z.object({
  labels: labels.optional().describe('Further labels.'),
  annotations: labels.optional().describe('Further annotations.'),
  nodeSelector: labels.optional().describe('Labels that a node must have.'),
  tolerations: z.array(toleration).max(32).optional().describe('Taints that are tolerated.'),
  priorityClassName: objectName.optional().describe('Their PriorityClass.'),
});

export const natsClusterSpec = z.object({
  version: z
    .string()
    .max(64)
    .regex(/^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$/)
    .meta({ sentence: 'version has three numbers: 2.15.1.' })
    .default('2.15.1')
    .describe('Version of nats-server, 2.12.0 or later.'),
  image: z
    .string()
    .min(1)
    .max(512)
    .optional()
    .describe('Image of that version; the official one on Alpine when it is not given.'),
  replicas: z.int().min(1).max(5).default(3).describe('How many servers: 1, 3 or 5.'),
  storage: storage.prefault({}).describe('Where JetStream keeps its files.'),
  resources: z
    .object({
      requests: quantities.optional().describe('What each server asks for; the limits without it.'),
      limits: quantities.default({ cpu: '1', memory: '1Gi' }).describe('What each server may use.'),
    })
    .prefault({})
    .describe('Processor and memory of each server.'),
  goMemLimitPercent: z
    .int()
    .min(10)
    .max(100)
    .default(80)
    .describe('From how much of its memory limit on the server collects garbage, in percent.'),
  accounts: z
    .array(account)
    .min(1)
    .max(64)
    .prefault([{ name: 'APP' }])
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] })
    .describe('Accounts of the cluster, besides SYS; the first is the one that is meant.'),
  anonymousAccount: accountName
    .optional()
    .describe('Account of clients without credentials, who are refused without it.'),
  tls: tls.prefault({}).describe('Certificates of clients and routes.'),
  topology: z
    .object({
      zoneSpread: z
        .enum(['Required', 'Preferred', 'None'])
        .default('Preferred')
        .describe('Whether servers are spread over zones.'),
      zoneKey: z
        .string()
        .min(1)
        .max(317)
        .default('topology.kubernetes.io/zone')
        .describe('Label of a node that names its zone.'),
    })
    .prefault({})
    .describe('How servers are spread.'),
  lameDuck: z
    .object({
      durationSeconds: z
        .int()
        .min(30)
        .max(3_600)
        .default(30)
        .describe('In how long a server that stops sends its clients away.'),
      graceSeconds: z.int().min(0).max(3_600).default(10).describe('How long before it starts.'),
    })
    .prefault({})
    .describe('How a server stops.'),
  update: z
    .object({
      strategy: z
        .enum(['Auto', 'Supervised'])
        .default('Auto')
        .describe('Whether a roll waits for the annotation windlass.dev/roll-approved.'),
      settleSeconds: z
        .int()
        .min(0)
        .max(3_600)
        .default(10)
        .describe('How long all must be well before the next server is stopped.'),
      maxLag: z.int().min(0).default(0).describe('How far behind a replica may be by then.'),
      timeoutSeconds: z
        .int()
        .min(60)
        .max(86_400)
        .default(900)
        .describe('After how long without progress the cluster is Degraded.'),
    })
    .prefault({})
    .describe('How the servers are replaced, one after the other.'),
  allowedNamespaces: z
    .object({
      from: z
        .enum(['Same', 'All', 'Names'])
        .default('Same')
        .describe('From which namespaces a clusterRef may name this cluster.'),
      names: z.array(z.string().min(1).max(63)).max(256).default([]).describe('With Names: which.'),
    })
    .prefault({})
    .describe('Who may refer to this cluster.'),
  network: z
    .object({
      clients: z
        .enum(['Anywhere', 'Policies'])
        .default('Anywhere')
        .describe('Who reaches the ports of clients and of monitoring: all, or by other policies.'),
    })
    .prefault({})
    .describe('Who may open connections to the servers.'),
  pods: pods.optional().describe('What the pods get besides.'),
  config: z
    .object({
      merge: z.looseObject({}).optional().describe('Merged over nats.conf, as JSON.'),
    })
    .optional()
    .describe('Configuration that has no field of its own.'),
});
export type NatsClusterSpec = z.output<typeof natsClusterSpec>;
