import type { ServiceDefinition } from '@windlass/contracts/service.ts';
import type { StreamDefinition } from '@windlass/contracts/stream.ts';
import {
  type Consumer,
  consumerSettings,
  type StreamEnvironment,
  type StreamSettings,
  streamSettings,
} from '@windlass/runtime/broker/topology.ts';
import { natsUserOf } from '../nats-user/service-role.ts';

/** The NatsCluster that holds the platform, and the namespace of the objects. */
export interface Place {
  readonly namespace: string;
  readonly cluster: string;
}

export interface Manifest {
  readonly apiVersion: 'windlass.dev/v1alpha1';
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: Readonly<Record<string, unknown>>;
}

/**
 * Everything that the services need of NATS, as objects of the operator: their streams, their
 * durable consumers, and for each service that uses NATS a user of its own.
 */
export function platformManifests(
  streams: readonly StreamDefinition[],
  services: readonly ServiceDefinition[],
  environment: StreamEnvironment,
  place: Place,
): readonly Manifest[] {
  const users = services.filter(({ consumes, publishes }) => consumes.length + publishes.length);
  return [
    ...streamSettings(streams, environment).map((settings) => streamOf(settings, place)),
    ...services.flatMap(consumerSettings).map((consumer) => consumerOf(consumer, place)),
    ...users.map((service) => natsUserOf(service, place)),
  ];
}

function streamOf(settings: StreamSettings, place: Place): Manifest {
  return asset('Stream', settings.name, place, {
    name: settings.name,
    subjects: settings.subjects,
    retention: settings.retention,
    storage: settings.storage,
    discard: settings.discard,
    replicas: settings.num_replicas,
    maxBytes: settings.max_bytes,
    maxAge: seconds(settings.max_age),
    duplicateWindow: seconds(settings.duplicate_window),
    denyDelete: settings.deny_delete,
    allowAtomicPublish: settings.allow_atomic,
    allowDirect: settings.allow_direct,
  });
}

function consumerOf({ stream, settings }: Consumer, place: Place): Manifest {
  return asset('Consumer', `${stream}-${settings.durable_name}`, place, {
    streamName: stream,
    durableName: settings.durable_name,
    ackPolicy: settings.ack_policy,
    deliverPolicy: settings.deliver_policy,
    replayPolicy: settings.replay_policy,
    ackWait: seconds(settings.ack_wait),
    maxDeliver: settings.max_deliver,
    maxAckPending: settings.max_ack_pending,
    filterSubjects: settings.filter_subjects,
  });
}

function asset(
  kind: string,
  name: string,
  { namespace, cluster }: Place,
  spec: Readonly<Record<string, unknown>>,
): Manifest {
  return {
    apiVersion: 'windlass.dev/v1alpha1',
    kind,
    metadata: { name: name.toLowerCase().replaceAll('_', '-'), namespace },
    spec: { clusterRef: { name: cluster }, ...spec },
  };
}

/** Nanoseconds, as the server counts, in the notation of a manifest. */
const seconds = (ns: number): string => `${ns / 1e9}s`;
