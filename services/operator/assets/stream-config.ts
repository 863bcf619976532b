import { nanosecondsOf } from '../api/duration.ts';
import { numberOf } from '../api/quantity.ts';
import type { StreamSource } from '../api/replication.ts';
import type { StreamSpec } from '../api/stream.ts';
import { type Config, isSame, type Wanted } from './differences.ts';

export const streamSpecNames: Readonly<Record<string, string>> = {
  num_replicas: 'replicas',
  discard_new_per_subject: 'discardPerSubject',
  allow_rollup_hdrs: 'allowRollup',
  first_seq: 'firstSequence',
  allow_atomic: 'allowAtomicPublish',
  allow_batched: 'allowBatchPublish',
};
const defaultWindowNs = nanosecondsOf('2m');

/** What a Stream object asks for, in the server's words. */
export function wantedStream(spec: StreamSpec, stamp: Readonly<Record<string, string>>): Wanted {
  const mirror = spec.mirror === undefined ? null : sourceOf(spec.mirror);
  const sources = (spec.sources ?? []).map(sourceOf);
  const marker = nanosecondsOf(spec.subjectDeleteMarkerTtl);
  const hasOwnSubjects = mirror === null && sources.length === 0;
  const given = spec.subjects ?? [];
  const config = {
    name: spec.name,
    description: spec.description ?? '',
    subjects: given.length === 0 && hasOwnSubjects ? [spec.name] : given,
    retention: spec.retention,
    max_consumers: limitOf(spec.maxConsumers),
    max_msgs: limitOf(spec.maxMsgs),
    max_bytes: limitOf(numberOf(spec.maxBytes)),
    max_age: spec.sealed ? 0 : nanosecondsOf(spec.maxAge),
    max_msgs_per_subject: limitOf(spec.maxMsgsPerSubject),
    max_msg_size: limitOf(numberOf(spec.maxMsgSize)),
    discard: spec.sealed ? 'new' : spec.discard,
    storage: spec.storage,
    num_replicas: spec.replicas,
    no_ack: spec.noAck,
    duplicate_window: nanosecondsOf(spec.duplicateWindow ?? ''),
    placement: placementOf(spec.placement),
    mirror,
    sources,
    compression: spec.compression === '' ? 'none' : spec.compression,
    first_seq: spec.firstSequence,
    subject_transform: transformOf(spec.subjectTransform),
    republish: republishOf(spec.republish),
    allow_direct: spec.allowDirect,
    mirror_direct: spec.mirrorDirect,
    discard_new_per_subject: spec.discardPerSubject,
    sealed: spec.sealed,
    deny_delete: spec.denyDelete || spec.sealed,
    // Markers and schedules replace what was there before, which is a purge.
    deny_purge: (spec.denyPurge && marker === 0 && !spec.allowMsgSchedules) || spec.sealed,
    allow_rollup_hdrs: !spec.sealed && (spec.allowRollup || marker > 0 || spec.allowMsgSchedules),
    consumer_limits: {
      inactive_threshold: nanosecondsOf(spec.consumerLimits?.inactiveThreshold ?? ''),
      max_ack_pending: spec.consumerLimits?.maxAckPending ?? 0,
    },
    allow_msg_ttl: spec.allowMsgTtl || marker > 0,
    subject_delete_marker_ttl: marker,
    allow_msg_counter: spec.allowMsgCounter,
    allow_atomic: spec.allowAtomicPublish,
    allow_msg_schedules: spec.allowMsgSchedules,
    persist_mode: spec.persistMode === '' ? 'default' : spec.persistMode,
    allow_batched: spec.allowBatchPublish,
    metadata: { ...spec.metadata, ...stamp },
  };
  return { config, defaults: defaultsOf(config, hasOwnSubjects), computed: computedOf(spec) };
}

/** The server's own rule: two minutes, but no longer than messages live. */
function defaultsOf(
  config: { duplicate_window: number; max_age: number },
  hasOwn: boolean,
): Config {
  if (config.duplicate_window !== 0 || !hasOwn) return {};
  const isShort = config.max_age > 0 && config.max_age < defaultWindowNs;
  return { duplicate_window: isShort ? config.max_age : defaultWindowNs };
}

function computedOf(spec: StreamSpec): readonly string[] {
  const wantsTtl = spec.allowMsgTtl || nanosecondsOf(spec.subjectDeleteMarkerTtl) > 0;
  return [
    // A mirror takes it over from its origin.
    ...(spec.mirror === undefined ? [] : ['mirror_direct']),
    ...(spec.firstSequence === 0 ? ['first_seq'] : []),
    // Markers need it, and the server never switches it off again.
    ...(wantsTtl ? [] : ['allow_msg_ttl']),
  ];
}

/** In NACK and on the server, 0 and everything below is no limit. */
export function limitOf(value: number): number {
  return value <= 0 ? -1 : value;
}

export function placementOf(placement: StreamSpec['placement']): Config | null {
  const { cluster = '', tags = [] } = placement ?? {};
  return cluster === '' && tags.length === 0 ? null : { cluster, tags };
}

export function republishOf(republish: StreamSpec['republish']): Config | null {
  if (republish === undefined || republish.destination === '') return null;
  const { source, destination, headersOnly } = republish;
  return { src: source === '' ? '>' : source, dest: destination, headers_only: headersOnly };
}

function transformOf(transform: StreamSpec['subjectTransform']): Config | null {
  if (transform === undefined) return null;
  const { source, dest } = transform;
  return source === '' && dest === '' ? null : { src: source, dest };
}

export function sourceOf(source: StreamSource): Config {
  const { externalApiPrefix: api = '', externalDeliverPrefix: deliver = '' } = source;
  const startTime = source.optStartTime ?? '';
  return {
    name: source.name,
    opt_start_seq: source.optStartSeq ?? 0,
    ...(startTime === '' ? {} : { opt_start_time: startTime }),
    filter_subject: source.filterSubject ?? '',
    subject_transforms: (source.subjectTransforms ?? []).map(({ source: src, dest }) => ({
      src,
      dest,
    })),
    ...(api === '' && deliver === '' ? {} : { external: { api, deliver } }),
  };
}

/** Fields of which the server accepts no change, and that have one. */
export function immutableInStream(wanted: Config, found: Config): readonly string[] {
  const same = ['storage', 'allow_msg_counter', 'persist_mode'];
  const oneWay = ['sealed', 'deny_delete', 'deny_purge', 'allow_msg_schedules'];
  const differs = (field: string) => !isSame(field, wanted[field], found[field]);
  return [
    ...same.filter(differs),
    ...oneWay.filter((field) => found[field] === true && wanted[field] !== true),
    ...(isWorkQueue(wanted) === isWorkQueue(found) ? [] : ['retention']),
    ...(wanted.mirror !== null && differs('mirror') ? ['mirror'] : []),
    ...(wanted.first_seq !== 0 && differs('first_seq') ? ['first_seq'] : []),
  ];
}

function isWorkQueue(config: Config): boolean {
  return config.retention === 'workqueue';
}
