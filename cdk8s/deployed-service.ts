import type { ServiceDefinition } from '@windlass/contracts/service.ts';
import { fields } from '@windlass/operator/nats-user/user-secret.ts';
import { ApiObject, JsonPatch } from 'cdk8s';
import { k8s } from 'cdk8s-plus-27';
import type { Construct } from 'constructs';
import { Autoscaler, isScaled, replicasOf } from './autoscaler.ts';
import {
  checksumOf,
  dataFolder,
  memoryMiBOf,
  natsFolder,
  usesNats,
  type Variables,
  variablesOf,
} from './configuration.ts';
import { contradictionsOf } from './contradictions.ts';
import type { Environment } from './environments.ts';
import {
  imageOf,
  namespaceOf,
  number,
  opsPort,
  program,
  quantity,
  selectorOf,
  serviceLabels,
  word,
} from './naming.ts';
import { resources, restrictedContainer, restrictedPod, spread, temporary } from './pod.ts';

/** So long a new pod has to stay ready before the next old one goes. */
const minReadySeconds = 5;

/**
 * Everything of one service: its processes with their configuration and identity, the names by
 * which others find them, what may disturb them, and how many there are.
 */
export class DeployedService {
  private readonly scope: Construct;
  private readonly service: ServiceDefinition;
  private readonly environment: Environment;
  private readonly variables: Variables;
  private readonly metadata: k8s.ObjectMeta;

  constructor(
    scope: Construct,
    service: ServiceDefinition,
    services: readonly ServiceDefinition[],
    environment: Environment,
  ) {
    this.scope = scope;
    this.service = service;
    this.environment = environment;
    this.variables = variablesOf(service, services, environment);
    this.metadata = {
      name: service.name,
      namespace: namespaceOf(service),
      labels: serviceLabels(service, environment),
    };
    scope.node.addValidation({
      validate: () => contradictionsOf(service, this.variables, environment),
    });
    this.identity();
    this.services();
    this.budget();
    this.deployment();
    if (isScaled(service, environment)) new Autoscaler(scope, service, environment);
  }

  private identity(): void {
    const { scope, service, metadata } = this;
    new k8s.KubeServiceAccount(scope, `${service.name}-account`, {
      metadata,
      automountServiceAccountToken: false,
    });
    new k8s.KubeConfigMap(scope, `${service.name}-configuration`, {
      metadata,
      data: { ...this.variables },
    });
    if (service.role === 'double' && this.environment.provider.kind === 'double') {
      new k8s.KubePersistentVolumeClaim(scope, `${service.name}-data`, {
        metadata,
        spec: {
          accessModes: ['ReadWriteOnce'],
          resources: { requests: { storage: quantity(this.environment.provider.storage) } },
        },
      });
    }
  }

  private services(): void {
    const { scope, service, metadata } = this;
    const { access } = this.environment;
    const selector = selectorOf(service.name);
    const port = portName(service);
    const isNodePort = service.role === 'api' && access.kind === 'node-port';
    new k8s.KubeService(scope, `${service.name}-service`, {
      metadata: { ...metadata, name: serviceName(service) },
      spec: {
        ...(isNodePort ? { type: 'NodePort' } : {}),
        selector,
        ports: [
          {
            name: port,
            port: service.role === 'operator' ? 443 : service.port,
            targetPort: word(port),
            ...(isNodePort ? { nodePort: access.port } : {}),
          },
        ],
      },
    });
    // Names every pod, also those that are not ready: whoever scrapes wants to see them.
    new k8s.KubeService(scope, `${service.name}-ops`, {
      metadata: { ...metadata, name: opsServiceName(service) },
      spec: {
        clusterIp: 'None',
        publishNotReadyAddresses: true,
        selector,
        ports: [{ name: 'ops', port: opsPort(service), targetPort: word('ops') }],
      },
    });
  }

  private budget(): void {
    const { scope, service, metadata } = this;
    new k8s.KubePodDisruptionBudget(scope, `${service.name}-budget`, {
      metadata,
      spec: {
        maxUnavailable: number(1),
        selector: { matchLabels: selectorOf(service.name) },
        // One that cannot become ready must not keep a node from being drained.
        unhealthyPodEvictionPolicy: 'AlwaysAllow',
      },
    });
  }

  private deployment(): void {
    const { service, environment, metadata } = this;
    const { name, role } = service;
    const { shutdown } = environment;
    const matchLabels = selectorOf(name);
    const manifest = k8s.KubeDeployment.manifest({
      metadata,
      spec: {
        ...(isScaled(service, environment)
          ? {}
          : { replicas: replicasOf(service, environment).min }),
        selector: { matchLabels },
        strategy: strategyOf(role),
        minReadySeconds,
        revisionHistoryLimit: 3,
        progressDeadlineSeconds: 600,
        template: {
          metadata: {
            labels: { ...metadata.labels },
            annotations: { 'windlass.dev/configuration': checksumOf(this.variables) },
          },
          spec: {
            serviceAccountName: name,
            automountServiceAccountToken: role === 'operator',
            enableServiceLinks: false,
            terminationGracePeriodSeconds: shutdown.graceSeconds,
            securityContext: restrictedPod(),
            topologySpreadConstraints: spread(matchLabels),
            ...(service.database ? { initContainers: [this.migration()] } : {}),
            containers: [this.container()],
            volumes: this.volumes(),
          },
        },
      },
    });
    const deployment = new ApiObject(this.scope, `${name}-deployment`, manifest);
    if (role !== 'api') return;
    // Newer than the typed classes: until load balancers know, the pod still takes requests.
    deployment.addJsonPatch(
      JsonPatch.add('/spec/template/spec/containers/0/lifecycle', {
        preStop: { sleep: { seconds: shutdown.preStopSeconds } },
      }),
    );
  }

  private container(): k8s.Container {
    const { service } = this;
    const probe = (path: string, periodSeconds: number, failureThreshold: number): k8s.Probe => ({
      httpGet: { path, port: word('ops') },
      periodSeconds,
      failureThreshold,
      timeoutSeconds: 5,
    });
    return {
      ...this.process(),
      name: service.name,
      args: [program],
      ports: [
        { name: portName(service), containerPort: service.port },
        { name: 'ops', containerPort: opsPort(service) },
      ],
      startupProbe: probe('/startupz', 1, 60),
      readinessProbe: probe('/readyz', 2, 3),
      livenessProbe: probe('/livez', 10, 6),
    };
  }

  /** Before the process, so that one with an unmigrated database never answers. */
  private migration(): k8s.Container {
    return {
      ...this.process(),
      name: 'migrate',
      args: [program, 'migrate'],
      volumeMounts: [temporary.mount],
    };
  }

  private process(): Omit<k8s.Container, 'name' | 'args'> {
    const { service, environment } = this;
    const { cpuMillis } = service.resources;
    return {
      image: imageOf(service.name, environment),
      imagePullPolicy: 'IfNotPresent',
      envFrom: [{ configMapRef: { name: service.name } }],
      ...this.environmentVariables(),
      resources: resources(
        cpuMillis * environment.cpuShare,
        `${memoryMiBOf(service, environment)}Mi`,
      ),
      securityContext: {
        ...restrictedContainer,
        // What is edited is copied into the container.
        readOnlyRootFilesystem: !environment.hotReload,
      },
      volumeMounts: [
        temporary.mount,
        ...(usesNats(service) ? [{ name: 'nats', mountPath: natsFolder, readOnly: true }] : []),
        ...(service.role === 'double' ? [{ name: 'data', mountPath: dataFolder }] : []),
      ],
    };
  }

  private environmentVariables(): { readonly env?: k8s.EnvVar[] } {
    const { service, environment } = this;
    if (service.role === 'operator') {
      const fieldRef = { apiVersion: 'v1', fieldPath: 'metadata.namespace' };
      return { env: [{ name: 'POD_NAMESPACE', valueFrom: { fieldRef } }] };
    }
    if (!service.database || environment.database.kind !== 'secret') return {};
    const secretKeyRef = { name: databaseSecret(service.name), key: 'uri' };
    return { env: [{ name: 'DATABASE_URL', valueFrom: { secretKeyRef } }] };
  }

  private volumes(): k8s.Volume[] {
    const { service } = this;
    return [
      temporary.volume,
      ...(usesNats(service) ? [natsSecret(service.name)] : []),
      ...(service.role === 'double'
        ? [{ name: 'data', persistentVolumeClaim: { claimName: service.name } }]
        : []),
    ];
  }
}

/** What the operator makes of its NatsUser, but for the keys that no process reads. */
function natsSecret(secretName: string): k8s.Volume {
  const items = [fields.seed, fields.ca].map((key) => ({ key, path: key }));
  return { name: 'nats', secret: { secretName, items } };
}

/** As CloudNativePG names it for the cluster `<service>-database`. */
export function databaseSecret(service: string): string {
  return `${service}-database-app`;
}

/** The operator's is the one that it tells the API server of. */
export function serviceName({ name, role }: ServiceDefinition): string {
  return role === 'operator' ? 'windlass-operator' : name;
}

export function opsServiceName({ name }: ServiceDefinition): string {
  return `${name}-ops`;
}

function portName({ role }: ServiceDefinition): string {
  return role === 'operator' ? 'https' : 'http';
}

/** A double has one ledger, which only one process may write. */
function strategyOf(role: ServiceDefinition['role']): k8s.DeploymentStrategy {
  if (role === 'double') return { type: 'Recreate' };
  const rollingUpdate =
    role === 'worker'
      ? { maxUnavailable: word('25%'), maxSurge: word('25%') }
      : { maxUnavailable: number(0), maxSurge: number(1) };
  return { type: 'RollingUpdate', rollingUpdate };
}
