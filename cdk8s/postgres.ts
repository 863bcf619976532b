import type { ServiceDefinition } from '@windlass/contracts/service.ts';
import { ApiObject, JsonPatch } from 'cdk8s';
import { k8s } from 'cdk8s-plus-27';
import type { Construct } from 'constructs';
import { replicasOf } from './autoscaler.ts';
import { variablesOf } from './configuration.ts';
import { configOf } from './contradictions.ts';
import type { Environment } from './environments.ts';
import { labelsOf, namespaces, number, quantity, selectorOf, versionOf, word } from './naming.ts';
import { resources, restrictedContainer, restrictedPod, temporary } from './pod.ts';
import { postgresPort } from './traffic.ts';

const name = 'postgres';
/** The user of the official image. */
const user = 999;
const folder = '/var/lib/postgresql';
export const postgresMemoryMiB = 512;
const connectionsMax = 300;
/** A rollout makes pods beside those that it replaces. */
const surge = 1.25;

/**
 * One server for the databases of all services, for development and tests. It asks nobody for a
 * password: a network policy lets in the services alone.
 */
export class Postgres {
  constructor(
    scope: Construct,
    services: readonly ServiceDefinition[],
    environment: Environment,
    { image, storage }: { readonly image: string; readonly storage: string },
  ) {
    scope.node.addValidation({ validate: () => connectionFindings(services, environment) });
    const labels = labelsOf(name, 'database', versionOf(environment));
    const metadata = { name, namespace: namespaces.platform, labels };
    const owners = services.filter(({ database }) => database);
    new k8s.KubeConfigMap(scope, 'postgres-databases', {
      metadata: { ...metadata, name: 'postgres-databases' },
      data: { 'databases.sql': owners.map((each) => `CREATE DATABASE "${each.name}";\n`).join('') },
    });
    new k8s.KubeServiceAccount(scope, 'postgres-account', {
      metadata,
      automountServiceAccountToken: false,
    });
    new k8s.KubeService(scope, 'postgres-service', {
      metadata,
      spec: {
        selector: selectorOf(name),
        ports: [{ name, port: postgresPort, targetPort: word(name) }],
      },
    });
    new k8s.KubePodDisruptionBudget(scope, 'postgres-budget', {
      metadata,
      spec: {
        maxUnavailable: number(1),
        selector: { matchLabels: selectorOf(name) },
        unhealthyPodEvictionPolicy: 'AlwaysAllow',
      },
    });
    const set = serverOf(metadata, image, storage);
    // The API server writes them into what it stores, and an apply is to change nothing.
    new ApiObject(scope, 'postgres-server', set).addJsonPatch(
      JsonPatch.add('/spec/volumeClaimTemplates/0/apiVersion', 'v1'),
      JsonPatch.add('/spec/volumeClaimTemplates/0/kind', 'PersistentVolumeClaim'),
    );
  }
}

function serverOf(metadata: k8s.ObjectMeta, image: string, storage: string) {
  return k8s.KubeStatefulSet.manifest({
    metadata,
    spec: {
      serviceName: name,
      replicas: 1,
      revisionHistoryLimit: 3,
      selector: { matchLabels: selectorOf(name) },
      template: {
        metadata: { labels: { ...metadata.labels } },
        spec: {
          serviceAccountName: name,
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          terminationGracePeriodSeconds: 60,
          securityContext: restrictedPod(user),
          containers: [container(image)],
          volumes: [
            temporary.volume,
            { name: 'run', emptyDir: {} },
            { name: 'shm', emptyDir: { medium: 'Memory', sizeLimit: quantity('128Mi') } },
            { name: 'databases', configMap: { name: 'postgres-databases' } },
          ],
        },
      },
      volumeClaimTemplates: [
        {
          metadata: { name: 'data' },
          spec: {
            accessModes: ['ReadWriteOnce'],
            resources: { requests: { storage: quantity(storage) } },
          },
        },
      ],
    },
  });
}

/** It gives all services their connections. */
function connectionFindings(
  services: readonly ServiceDefinition[],
  environment: Environment,
): string[] {
  const wanted = services
    .filter(({ database }) => database)
    .map((service) => {
      const config = configOf(service, variablesOf(service, services, environment));
      const pool = typeof config === 'string' ? 0 : (config.database?.poolMax ?? 0);
      return Math.ceil(replicasOf(service, environment).max * surge) * pool;
    })
    .reduce((sum, connections) => sum + connections, 0);
  if (wanted <= connectionsMax) return [];
  return [
    `Environment ${environment.name}: the services may open ${wanted} connections, and ` +
      `PostgreSQL takes ${connectionsMax}.`,
  ];
}

function container(image: string): k8s.Container {
  const ready = (periodSeconds: number, failureThreshold: number): k8s.Probe => ({
    exec: { command: ['pg_isready', '--username=postgres', '--host=127.0.0.1', '--quiet'] },
    periodSeconds,
    failureThreshold,
    timeoutSeconds: 5,
  });
  return {
    name,
    image,
    imagePullPolicy: 'IfNotPresent',
    args: ['-c', `max_connections=${connectionsMax}`, '-c', 'shared_buffers=128MB'],
    ports: [{ name, containerPort: postgresPort }],
    env: [
      { name: 'PGDATA', value: `${folder}/data` },
      { name: 'POSTGRES_HOST_AUTH_METHOD', value: 'trust' },
    ],
    resources: resources(100, `${postgresMemoryMiB}Mi`),
    securityContext: restrictedContainer,
    // By TCP: the server that fills the new databases listens on its socket alone.
    startupProbe: ready(1, 120),
    readinessProbe: ready(5, 2),
    livenessProbe: ready(10, 6),
    volumeMounts: [
      { name: 'data', mountPath: folder },
      { name: 'databases', mountPath: '/docker-entrypoint-initdb.d', readOnly: true },
      { name: 'run', mountPath: '/var/run/postgresql' },
      { name: 'shm', mountPath: '/dev/shm' },
      temporary.mount,
    ],
  };
}
