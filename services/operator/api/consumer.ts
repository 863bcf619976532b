import { z } from 'zod';
import { asset, connectionRules } from './connection.ts';
import { columns, type Definition, figure, text, wide } from './definition.ts';
import { duration } from './duration.ts';
import { consumers } from './kinds.ts';
import { bytes } from './quantity.ts';
import { assetName, metadata, optionalSubject, subject, time } from './replication.ts';
import { immutable, type Rule } from './rule.ts';
import { assetStatus } from './status.ts';

const off = z.boolean().default(false);
const groupName = z
  .string()
  .min(1)
  .max(16)
  .regex(/^[A-Za-z0-9/_=-]+$/)
  .meta({ sentence: 'The name of a priority group has letters, digits and / _ = - only.' });

/**
 * The fields, their values and their defaults are those of NACK's Consumer, but for ackWait: its
 * default of a nanosecond there redelivers every message at once.
 */
export const consumerSpec = z.object({
  streamName: assetName.describe('Name of the stream in NATS.'),
  durableName: assetName.describe('Name of the consumer in NATS.'),
  description: z.string().max(4096).optional().describe('What the consumer is for.'),
  deliverPolicy: z
    .enum(['all', 'last', 'new', 'byStartSequence', 'byStartTime', 'lastPerSubject'])
    .default('all')
    .describe('Where in the stream it starts.'),
  optStartSeq: z.int().min(0).optional().describe('Where it starts with byStartSequence.'),
  optStartTime: time.optional().describe('When it starts with byStartTime, RFC 3339.'),
  deliverSubject: optionalSubject
    .optional()
    .describe('Where messages are pushed to; without it, they are pulled.'),
  deliverGroup: z
    .string()
    .max(255)
    .optional()
    .describe('Name of the queue group that shares them.'),
  ackPolicy: z
    .enum(['none', 'all', 'explicit'])
    .default('none')
    .describe('Whether each message is acknowledged, all up to one, or none.'),
  ackWait: duration
    .default('30s')
    .describe('After how long without acknowledgement a message is delivered again.'),
  maxDeliver: z.int().min(-1).default(-1).describe('How often one is delivered; -1 is no limit.'),
  backoff: z
    .array(duration.min(1))
    .max(64)
    .optional()
    .describe('Delays of the redeliveries after a timeout; they replace ackWait.'),
  filterSubject: optionalSubject.optional().describe('Only messages of this subject.'),
  filterSubjects: z.array(subject).max(256).optional().describe('Only messages of these subjects.'),
  replayPolicy: z
    .enum(['instant', 'original'])
    .default('instant')
    .describe('Whether messages come as fast as they can or as fast as they were published.'),
  sampleFreq: z
    .string()
    .max(8)
    .regex(/^([0-9]{1,3}%?)?$/)
    .meta({ sentence: 'sampleFreq is a percentage: 30%.' })
    .optional()
    .describe('Of how many acknowledgements, in percent, an event is published.'),
  maxWaiting: z.int().min(0).optional().describe('How many pulls may wait.'),
  rateLimitBps: z.int().min(0).optional().describe('How many bits a second are pushed.'),
  maxAckPending: z.int().min(-1).optional().describe('How many messages may be unacknowledged.'),
  flowControl: off.describe('Whether the server waits for a slow receiver of pushes.'),
  headersOnly: off.describe('Whether bodies are left out.'),
  heartbeatInterval: duration.optional().describe('How often an idle push consumer says so.'),
  maxRequestBatch: z.int().min(0).optional().describe('Most messages of one pull.'),
  maxRequestExpires: duration.optional().describe('Longest time that one pull may wait.'),
  maxRequestMaxBytes: bytes.optional().describe('Most bytes of one pull.'),
  inactiveThreshold: duration.optional().describe('After how long without use it is removed.'),
  pauseUntil: time.default('').describe('Until when nothing is delivered, RFC 3339.'),
  priorityPolicy: z
    .enum(['', 'none', 'pinned_client', 'overflow', 'prioritized'])
    .default('')
    .describe('Which of several pulls is served first.'),
  pinnedTtl: duration.default('').describe('How long a silent client stays pinned.'),
  priorityGroups: z.array(groupName).max(1).optional().describe('Name of the group.'),
  replicas: z.int().min(0).max(5).default(0).describe('Replicas; 0 is as many as the stream has.'),
  memStorage: off.describe('Whether its state is in memory although the stream is not.'),
  metadata: metadata.describe('Further metadata of the consumer.'),
  ...asset,
});
export type ConsumerSpec = z.output<typeof consumerSpec>;

export const consumerStatus = assetStatus.extend({
  pending: z.int().min(0).optional().describe('How many messages wait for their first delivery.'),
  ackPending: z.int().min(0).optional().describe('How many are delivered and not acknowledged.'),
  redelivered: z.int().min(0).optional().describe('How many of those were delivered before.'),
  waiting: z.int().min(0).optional().describe('How many pulls wait for a message.'),
  lag: z.int().min(0).optional().describe('Messages that are not yet acknowledged or delivered.'),
  ackFloor: z.int().min(0).optional().describe('Sequence up to which all is acknowledged.'),
  delivered: z.int().min(0).optional().describe('Sequence of the last message delivered.'),
  lastActive: z.string().optional().describe('When it last delivered a message.'),
  paused: z.boolean().optional().describe('Whether it is paused.'),
});
export type ConsumerStatus = z.output<typeof consumerStatus>;

const started = 'it says where the consumer started';
const another = 'make a new consumer';
const fixed: readonly (readonly [field: string, why: string, none?: "''" | '0'])[] = [
  ['streamName', 'make a new consumer in the other stream'],
  ['durableName', 'a consumer cannot be renamed'],
  ['deliverPolicy', started],
  ['optStartSeq', started, '0'],
  ['optStartTime', started, "''"],
  ['ackPolicy', another],
  ['replayPolicy', another],
  ['flowControl', another],
  ['heartbeatInterval', another, "''"],
  ['maxWaiting', another, '0'],
  ['memStorage', another],
];
const isPush = "(has(self.deliverSubject) && self.deliverSubject != '')";
const given = (field: string) => `(has(self.${field}) && !(self.${field} in ['', '0']))`;

const rules: readonly Rule[] = [
  ...fixed.map(([field, why, none]) => immutable(field, `${field} never changes: ${why}.`, none)),
  {
    rule: `${isPush} == ${isPush.replaceAll('self', 'oldSelf')}`,
    message: 'A consumer that pulls never becomes one that is pushed to, or the other way round.',
    fieldPath: '.deliverSubject',
  },
  {
    rule: '!has(self.backoff) || self.maxDeliver <= 0 || self.backoff.size() <= self.maxDeliver',
    message: 'backoff has no more delays than maxDeliver has deliveries.',
    fieldPath: '.backoff',
  },
  {
    rule:
      "!has(self.filterSubject) || self.filterSubject == '' || " +
      '!has(self.filterSubjects) || self.filterSubjects.size() == 0',
    message: 'Give either filterSubject or filterSubjects.',
    fieldPath: '.filterSubjects',
  },
  {
    rule:
      "(self.deliverPolicy == 'byStartSequence') == " +
      '(has(self.optStartSeq) && self.optStartSeq > 0)',
    message: 'optStartSeq belongs to deliverPolicy byStartSequence, which needs it.',
    fieldPath: '.optStartSeq',
  },
  {
    rule: `(self.deliverPolicy == 'byStartTime') == ${given('optStartTime')}`,
    message: 'optStartTime belongs to deliverPolicy byStartTime, which needs it.',
    fieldPath: '.optStartTime',
  },
  {
    rule:
      `${isPush} || !(self.flowControl || ${given('heartbeatInterval')} || ` +
      `${given('deliverGroup')} || (has(self.rateLimitBps) && self.rateLimitBps > 0))`,
    message: 'flowControl, heartbeatInterval, deliverGroup and rateLimitBps need a deliverSubject.',
    fieldPath: '.deliverSubject',
  },
  {
    rule: `!self.flowControl || ${given('heartbeatInterval')}`,
    message: 'flowControl needs a heartbeatInterval.',
    fieldPath: '.heartbeatInterval',
  },
  {
    rule: `!${isPush} || !has(self.maxWaiting) || self.maxWaiting == 0`,
    message: 'maxWaiting counts pulls: a consumer with a deliverSubject has none.',
    fieldPath: '.maxWaiting',
  },
  {
    rule:
      "self.priorityPolicy in ['', 'none'] || (self.ackPolicy == 'explicit' && " +
      `!${isPush} && has(self.priorityGroups) && self.priorityGroups.size() == 1)`,
    message:
      'priorityPolicy needs one of priorityGroups, ackPolicy explicit and no deliverSubject.',
    fieldPath: '.priorityPolicy',
  },
  {
    rule:
      "!(self.priorityPolicy in ['', 'none']) || (self.pinnedTtl in ['', '0'] && " +
      '(!has(self.priorityGroups) || self.priorityGroups.size() == 0))',
    message: 'priorityGroups and pinnedTtl need a priorityPolicy.',
    fieldPath: '.priorityPolicy',
  },
  {
    rule:
      `self.deliverPolicy != 'lastPerSubject' || ${given('filterSubject')} || ` +
      '(has(self.filterSubjects) && self.filterSubjects.size() > 0)',
    message: 'deliverPolicy lastPerSubject needs a filterSubject.',
    fieldPath: '.deliverPolicy',
  },
  {
    rule:
      `!${isPush} || self.ackPolicy != 'none' || ` +
      '!has(self.maxAckPending) || self.maxAckPending <= 0',
    message: 'maxAckPending counts what is to be acknowledged: it needs another ackPolicy.',
    fieldPath: '.maxAckPending',
  },
  {
    rule: 'self.replicas in [0, 1, 3, 5]',
    message: 'replicas is 1, 3 or 5, or 0 for as many as the stream has.',
    fieldPath: '.replicas',
  },
  ...connectionRules,
];

export const consumerDefinition: Definition = {
  resource: consumers,
  shortNames: ['con'],
  description: 'A consumer of a stream.',
  spec: consumerSpec,
  status: consumerStatus,
  rules,
  columns: columns(
    text('Stream', '.spec.streamName'),
    text('Consumer', '.spec.durableName'),
    figure('Pending', '.status.pending'),
    figure('Ack Pending', '.status.ackPending'),
    figure('Lag', '.status.lag'),
    wide(figure('Redelivered', '.status.redelivered')),
    wide(text('Ack Policy', '.spec.ackPolicy')),
    wide(text('Leader', '.status.cluster.leader')),
  ),
};
