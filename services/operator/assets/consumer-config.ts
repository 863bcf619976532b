import type { ConsumerSpec } from '../api/consumer.ts';
import { nanosecondsOf } from '../api/duration.ts';
import { numberOf } from '../api/quantity.ts';
import { type Config, isSame, type Wanted } from './differences.ts';

export const consumerSpecNames: Readonly<Record<string, string>> = {
  num_replicas: 'replicas',
  idle_heartbeat: 'heartbeatInterval',
  max_batch: 'maxRequestBatch',
  max_expires: 'maxRequestExpires',
  max_bytes: 'maxRequestMaxBytes',
  priority_timeout: 'pinnedTtl',
};

const deliverPolicies = {
  all: 'all',
  last: 'last',
  new: 'new',
  byStartSequence: 'by_start_sequence',
  byStartTime: 'by_start_time',
  lastPerSubject: 'last_per_subject',
} as const;

const defaultAckWaitNs = nanosecondsOf('30s');
const defaultPinnedNs = nanosecondsOf('2m');
const defaultMaxAckPending = 1_000;
const defaultMaxWaiting = 512;

/** What a Consumer object asks for, in the server's words. */
export function wantedConsumer(
  spec: ConsumerSpec,
  stamp: Readonly<Record<string, string>>,
): Wanted {
  const filters = filtersOf(spec);
  const backoff = (spec.backoff ?? []).map(nanosecondsOf);
  const [startTime, pauseUntil] = [spec.optStartTime ?? '', spec.pauseUntil];
  const config = {
    durable_name: spec.durableName,
    name: spec.durableName,
    description: spec.description ?? '',
    deliver_policy: deliverPolicies[spec.deliverPolicy],
    opt_start_seq: spec.optStartSeq ?? 0,
    opt_start_time: startTime === '' ? null : startTime,
    ack_policy: spec.ackPolicy,
    ack_wait: backoff[0] ?? ackWaitOf(spec),
    max_deliver: spec.maxDeliver <= 0 ? -1 : spec.maxDeliver,
    backoff,
    // The server keeps a single one under the older key.
    filter_subject: filters.length === 1 ? (filters[0] ?? '') : '',
    filter_subjects: filters.length > 1 ? filters : [],
    replay_policy: spec.replayPolicy,
    rate_limit_bps: spec.rateLimitBps ?? 0,
    sample_freq: spec.sampleFreq ?? '',
    max_waiting: spec.maxWaiting ?? 0,
    max_ack_pending: spec.maxAckPending ?? 0,
    flow_control: spec.flowControl,
    headers_only: spec.headersOnly,
    max_batch: spec.maxRequestBatch ?? 0,
    max_expires: nanosecondsOf(spec.maxRequestExpires ?? ''),
    max_bytes: numberOf(spec.maxRequestMaxBytes ?? 0),
    deliver_subject: spec.deliverSubject ?? '',
    deliver_group: spec.deliverGroup ?? '',
    idle_heartbeat: nanosecondsOf(spec.heartbeatInterval ?? ''),
    inactive_threshold: nanosecondsOf(spec.inactiveThreshold ?? ''),
    num_replicas: spec.replicas,
    mem_storage: spec.memStorage,
    metadata: { ...spec.metadata, ...stamp },
    pause_until: pauseUntil === '' ? null : pauseUntil,
    priority_groups: spec.priorityGroups ?? [],
    priority_policy: spec.priorityPolicy === '' ? 'none' : spec.priorityPolicy,
    priority_timeout: nanosecondsOf(spec.pinnedTtl),
  };
  return { config, defaults: defaultsOf(config) };
}

function ackWaitOf(spec: ConsumerSpec): number {
  const given = nanosecondsOf(spec.ackWait);
  return given === 0 && spec.ackPolicy !== 'none' ? defaultAckWaitNs : given;
}

function filtersOf({ filterSubject = '', filterSubjects = [] }: ConsumerSpec): readonly string[] {
  return filterSubject === '' ? filterSubjects : [filterSubject];
}

/** The server fills these in, from the limits of the stream and of the account if there are. */
function defaultsOf(config: Config): Config {
  const byDefault = {
    max_waiting: config.deliver_subject === '' ? defaultMaxWaiting : 0,
    max_ack_pending: config.ack_policy === 'none' ? 0 : defaultMaxAckPending,
    max_batch: 0,
    inactive_threshold: 0,
    priority_timeout: config.priority_policy === 'pinned_client' ? defaultPinnedNs : 0,
  };
  return Object.fromEntries(Object.entries(byDefault).filter(([field]) => config[field] === 0));
}

const fixed = [
  'deliver_policy',
  'opt_start_seq',
  'opt_start_time',
  'ack_policy',
  'replay_policy',
  'idle_heartbeat',
  'flow_control',
  'mem_storage',
];

/** Fields of which the server accepts no change, and that have one. */
export function immutableInConsumer(wanted: Config, found: Config): readonly string[] {
  const differs = (field: string) => !isSame(field, wanted[field], found[field]);
  const isPush = (config: Config) => !isSame('deliver_subject', config.deliver_subject, '');
  return [
    ...fixed.filter(differs),
    ...(wanted.max_waiting !== 0 && differs('max_waiting') ? ['max_waiting'] : []),
    ...(isPush(wanted) === isPush(found) ? [] : ['deliver_subject']),
  ];
}
