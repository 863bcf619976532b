import type { ServiceDefinition } from '@windlass/contracts/service.ts';
import { consumerSettings } from '@windlass/runtime/broker/topology.ts';
import type { Role } from './permissions.ts';

/** Where a NatsUser of a service lies, and the cluster and account that it belongs to. */
export interface UserPlace {
  readonly namespace: string;
  readonly cluster: string;
  readonly clusterNamespace?: string;
  readonly account?: string;
}

type Service = Pick<ServiceDefinition, 'name' | 'consumes' | 'publishes'>;

/**
 * What a service does to the broker, and nothing else: it takes from its durables on each stream
 * and lane and from its reaper, publishes its own events in every lane and partition, files its
 * dead letters, asks for their replay, and wakes its other replicas.
 */
export function roleOf(service: Service): Role {
  const { name, publishes } = service;
  const wake = `windlass.wake.${name}.*`;
  const files = [`dead-letter.${name}.*`, `replay.${name}.>`];
  return {
    pulls: consumerSettings(service).map(({ stream, settings }) => ({
      stream,
      consumer: settings.durable_name,
    })),
    publishes: [
      ...publishes.map(({ type, version }) => `${type}.v${version}.*.*`),
      ...(service.consumes.length === 0 ? [] : files),
      wake,
    ],
    subscribes: [wake],
  };
}

/** The manifest of a service's user. Its inbox prefix is the one that its connection has. */
export function natsUserOf(service: Service, place: UserPlace) {
  const { namespace, cluster, clusterNamespace, account } = place;
  return {
    apiVersion: 'windlass.dev/v1alpha1',
    kind: 'NatsUser',
    metadata: { name: service.name, namespace },
    spec: {
      clusterRef: {
        name: cluster,
        ...(clusterNamespace === undefined ? {} : { namespace: clusterNamespace }),
        ...(account === undefined ? {} : { account }),
      },
      role: roleOf(service),
      inboxPrefix: `_INBOX_${service.name}`,
    },
  } as const;
}
