import type { ServiceDefinition } from '@windlass/contracts/service.ts';
import { ApiObject } from 'cdk8s';
import type { Construct } from 'constructs';
import { imageFindings } from '../contradictions.ts';
import type { Environment } from '../environments.ts';
import type { Budget } from '../namespaces.ts';
import { labelsOf, namespaces, versionOf } from '../naming.ts';
import {
  apiServerPorts,
  dns,
  dnsPorts,
  type Flow,
  type Party,
  postgresPort,
  tcp,
  type Workload,
  workloadOf,
} from '../traffic.ts';

export const needsCloudNativePg = `# Needs the operator CloudNativePG, 1.26 or later, with its
# plugin Barman Cloud, 0.15 or later.
`;

/** What one instance asks for. */
const instance = { cpuMillis: 1_000, memoryMiB: 2_048 } as const;
const memory = `${instance.memoryMiB}Mi`;
/** By which the instance manager tells how it is. */
const statusPort = 8_000;
const metricsPort = 9_187;

type Values = Extract<Environment['database'], { kind: 'secret' }>['clusters'];

const plugin = 'barman-cloud.cloudnative-pg.io';
const api = 'postgresql.cnpg.io/v1';

/** Of the cluster of a service. CloudNativePG names the Secret with its URL after it. */
export function databaseCluster(service: string): string {
  return `${service}-database`;
}

/** What the clusters of so many services may take of their namespace. */
export function databaseBudget(services: number, { instances }: Values): Budget {
  // Beside the instances, one that joins and the job that makes it.
  const pods = services * (instances + 1);
  return { pods, ...instance, claims: pods };
}

/** Who talks to the databases, and to whom they talk. */
export function databaseFlows(
  services: readonly ServiceDefinition[],
  { monitoring }: Environment,
): readonly Flow[] {
  const operator = inNamespace('cnpg-system');
  return services
    .filter(({ database }) => database)
    .flatMap((service): Flow[] => {
      const name = databaseCluster(service.name);
      const self: Workload = {
        ...{ kind: 'workload', name, namespace: namespaces.platform },
        labels: { 'cnpg.io/cluster': name },
      };
      const client = { ...workloadOf(service), kind: 'pods' } as const;
      return [
        { from: client, to: self, ports: tcp(postgresPort) },
        { from: self, to: self, ports: tcp(postgresPort, statusPort) },
        { from: operator, to: self, ports: tcp(postgresPort, statusPort) },
        // API servers and object stores are no pods.
        { from: self, to: { kind: 'anywhere' }, ports: tcp(...apiServerPorts) },
        { from: self, to: dns, ports: dnsPorts },
        ...(monitoring.kind === 'external'
          ? [{ from: inNamespace(monitoring.namespace), to: self, ports: tcp(metricsPort) }]
          : []),
      ];
    });
}

function inNamespace(name: string): Party {
  return { kind: 'namespaces', labels: { 'kubernetes.io/metadata.name': name } };
}

/** A PostgreSQL for each service: with standbys in other zones, and with backups. */
export class CloudNativePg {
  constructor(
    scope: Construct,
    services: readonly ServiceDefinition[],
    environment: Environment,
    values: Values,
  ) {
    scope.node.addValidation({ validate: () => imageFindings([values.image], environment) });
    for (const service of services.filter(({ database }) => database)) {
      this.database(scope, service.name, versionOf(environment), values);
    }
  }

  private database(scope: Construct, service: string, version: string, values: Values): void {
    const name = databaseCluster(service);
    const labels = labelsOf(name, 'database', version);
    const metadata = { name, namespace: namespaces.platform, labels };
    const { destination, endpoint, secret, schedule, keepDays } = values.backups;
    new ApiObject(scope, `${name}-store`, {
      apiVersion: 'barmancloud.cnpg.io/v1',
      kind: 'ObjectStore',
      metadata,
      spec: {
        retentionPolicy: `${keepDays}d`,
        configuration: {
          destinationPath: `${destination}/${service}`,
          ...(endpoint === undefined ? {} : { endpointURL: endpoint }),
          s3Credentials: {
            accessKeyId: { name: secret, key: 'access-key-id' },
            secretAccessKey: { name: secret, key: 'secret-access-key' },
          },
          wal: { compression: 'gzip' },
          data: { compression: 'gzip' },
        },
      },
    });
    new ApiObject(scope, `${name}-cluster`, {
      apiVersion: api,
      kind: 'Cluster',
      metadata,
      spec: {
        instances: values.instances,
        imageName: values.image,
        // Every commit is on two of them: a lost primary loses no accepted order.
        postgresql: {
          synchronous: { method: 'any', number: 1 },
          parameters: { max_connections: '200' },
        },
        bootstrap: { initdb: { database: service, owner: service } },
        storage: {
          size: values.storage,
          ...(values.storageClass === undefined ? {} : { storageClass: values.storageClass }),
        },
        resources: {
          requests: { cpu: `${instance.cpuMillis}m`, memory },
          limits: { memory },
        },
        affinity: { enablePodAntiAffinity: true, topologyKey: 'topology.kubernetes.io/zone' },
        inheritedMetadata: { labels },
        plugins: [{ name: plugin, isWALArchiver: true, parameters: { barmanObjectName: name } }],
      },
    });
    new ApiObject(scope, `${name}-backups`, {
      apiVersion: api,
      kind: 'ScheduledBackup',
      metadata,
      spec: {
        schedule,
        immediate: true,
        backupOwnerReference: 'self',
        cluster: { name },
        method: 'plugin',
        pluginConfiguration: { name: plugin },
      },
    });
  }
}
