import type { EventDefinition } from '@windlass/contracts/event.ts';
import { type Lane, lanes } from '@windlass/contracts/service.ts';
import type { StreamDefinition } from '@windlass/contracts/stream.ts';
import { streamOf } from '../event.ts';

const secondNs = 1_000_000_000;
const dayNs = 86_400 * secondNs;
const mebibyte = 1_024 * 1_024;

/** What one environment decides about streams; everything else is the same everywhere. */
export interface StreamEnvironment {
  readonly replicas: number;
  /** Of the streams of business events. */
  readonly maxAgeDays: number;
  /** Of each stream of business events, in bytes. */
  readonly maxBytes: number;
}

/** A laptop or CI: one server. */
export const development: StreamEnvironment = {
  replicas: 1,
  maxAgeDays: 1,
  maxBytes: 2_048 * mebibyte,
};

/** The keys that we set, in the server's own words. Durations are in nanoseconds. */
export interface StreamSettings {
  readonly name: string;
  readonly subjects: readonly string[];
  readonly retention: 'limits';
  readonly storage: 'file';
  readonly discard: 'new' | 'old';
  readonly num_replicas: number;
  readonly max_bytes: number;
  readonly max_age: number;
  readonly duplicate_window: number;
  readonly deny_delete: boolean;
  /** Batches that are stored as a whole or not at all; from server 2.12. */
  readonly allow_atomic: boolean;
  /** Off: a direct read may be answered by a replica that is behind. */
  readonly allow_direct: false;
}

export interface ConsumerSettings {
  readonly durable_name: string;
  readonly ack_policy: 'explicit';
  readonly deliver_policy: 'all';
  readonly replay_policy: 'instant';
  readonly ack_wait: number;
  readonly max_deliver: number;
  readonly max_ack_pending: number;
  readonly filter_subjects: readonly string[];
}

export interface Consumer {
  readonly stream: string;
  readonly settings: ConsumerSettings;
}

export interface ConsumingService {
  readonly name: string;
  readonly consumes: readonly EventDefinition[];
}

export const deadLetterStream = 'DEAD_LETTER';
export const replayStream = 'REPLAY';
export const advisoryStream = 'ADVISORY';
const maxDeliveriesAdvisory = '$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES';
const terminatedAdvisory = '$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED';

/** The durable of a service on a stream and lane; its name repeats on every stream. */
export function durableName(service: string, lane: Lane): string {
  return `${service}-${lane}`;
}

/** The durable that files messages whose deliveries ran out unnoticed. */
export function reaperName(service: string): string {
  return `${service}-reaper`;
}

/** Every stream of the platform: one for each context, and three of the runtime's own. */
export function streamSettings(
  streams: readonly StreamDefinition[],
  environment: StreamEnvironment,
): StreamSettings[] {
  const common = {
    retention: 'limits',
    storage: 'file',
    num_replicas: environment.replicas,
    duplicate_window: 120 * secondNs,
    allow_direct: false,
  } as const;
  const business = streams.map(({ name }) => ({
    ...common,
    name,
    subjects: [`${name.toLowerCase()}.>`],
    discard: 'new' as const,
    max_bytes: environment.maxBytes,
    max_age: environment.maxAgeDays * dayNs,
    deny_delete: true,
    allow_atomic: true,
  }));
  const own = { ...common, deny_delete: false, allow_atomic: false };
  return [
    ...business,
    {
      ...own,
      name: deadLetterStream,
      subjects: ['dead-letter.>'],
      discard: 'new',
      max_bytes: environment.maxBytes / 4,
      max_age: 90 * dayNs,
    },
    {
      ...own,
      name: replayStream,
      subjects: ['replay.>'],
      discard: 'new',
      max_bytes: environment.maxBytes / 8,
      max_age: dayNs,
    },
    {
      ...own,
      name: advisoryStream,
      subjects: [`${maxDeliveriesAdvisory}.>`, `${terminatedAdvisory}.>`],
      // The server publishes these and cannot be told to wait, so the oldest make room.
      discard: 'old',
      max_bytes: environment.maxBytes / 16,
      max_age: 7 * dayNs,
    },
  ];
}

/** A durable for each stream and lane that a service consumes from, and its reaper. */
export function consumerSettings(service: ConsumingService): Consumer[] {
  const names = new Set(service.consumes.map(({ type }) => streamOf(type)));
  const consumers = [...names].flatMap((stream) => {
    const events = service.consumes.filter(({ type }) => streamOf(type) === stream);
    return lanes.map((lane) => ({ stream, settings: laneConsumer(service.name, lane, events) }));
  });
  if (consumers.length === 0) return [];
  const own = consumers.map(
    ({ stream, settings }) => `${maxDeliveriesAdvisory}.${stream}.${settings.durable_name}`,
  );
  const reaper: ConsumerSettings = {
    ...delivery,
    durable_name: reaperName(service.name),
    // Nobody reaps for the reaper: it is asked until it has filed the message.
    max_deliver: -1,
    filter_subjects: own,
  };
  return [...consumers, { stream: advisoryStream, settings: reaper }];
}

const delivery = {
  ack_policy: 'explicit',
  deliver_policy: 'all',
  replay_policy: 'instant',
  ack_wait: 30 * secondNs,
  max_deliver: 5,
  max_ack_pending: 4_096,
} as const;

function laneConsumer(
  service: string,
  lane: Lane,
  events: readonly EventDefinition[],
): ConsumerSettings {
  return {
    ...delivery,
    durable_name: durableName(service, lane),
    filter_subjects: events.map(({ type, version }) => `${type}.v${version}.${lane}.*`),
  };
}
