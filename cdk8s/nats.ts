import type { ServiceDefinition } from '@windlass/contracts/service.ts';
import { streams } from '@windlass/contracts/streams.ts';
import { platformManifests } from '@windlass/operator/platform/manifests.ts';
import { ApiObject } from 'cdk8s';
import type { Construct } from 'constructs';
import { imageFindings, storageFindings } from './contradictions.ts';
import type { Environment } from './environments.ts';
import { cluster, labelsOf, versionOf } from './naming.ts';

/** Servers of the cluster: one in each of three zones. */
export const natsReplicas = 3;

/** The NATS cluster with all that the services need in it, as objects of the operator. */
export class Nats {
  constructor(scope: Construct, services: readonly ServiceDefinition[], environment: Environment) {
    const { namespace, name } = cluster;
    const { nats } = environment;
    const images = nats.image === undefined ? [] : [nats.image];
    scope.node.addValidation({
      validate: () => [...storageFindings(environment), ...imageFindings(images, environment)],
    });
    const labels = labelsOf(name, 'broker', versionOf(environment));
    this.object(scope, 'NatsCluster', name, labels, {
      version: nats.version,
      ...(nats.image === undefined ? {} : { image: nats.image }),
      replicas: natsReplicas,
      storage: {
        size: nats.storage,
        ...(nats.storageClass === undefined ? {} : { className: nats.storageClass }),
      },
      resources: {
        requests: { cpu: nats.cpu, memory: nats.memory },
        limits: { memory: nats.memory },
      },
      topology: { zoneSpread: nats.zoneSpread },
      // The policies of this namespace say who.
      network: { clients: 'Policies' },
    });
    const place = { namespace, cluster: name };
    for (const manifest of platformManifests(streams, services, environment.streams, place)) {
      this.object(scope, manifest.kind, manifest.metadata.name, labels, manifest.spec);
    }
  }

  private object(
    scope: Construct,
    kind: string,
    name: string,
    labels: Record<string, string>,
    spec: Readonly<Record<string, unknown>>,
  ): void {
    new ApiObject(scope, `${kind}-${name}`, {
      apiVersion: 'windlass.dev/v1alpha1',
      kind,
      metadata: { name, namespace: cluster.namespace, labels },
      spec,
    });
  }
}
