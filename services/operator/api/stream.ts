import { z } from 'zod';
import { asset, connectionRules } from './connection.ts';
import { columns, type Definition, figure, text, wide } from './definition.ts';
import { duration } from './duration.ts';
import { streams } from './kinds.ts';
import { bytes } from './quantity.ts';
import {
  assetName,
  metadata,
  mirror,
  placement,
  republish,
  sources,
  subject,
  subjectTransform,
} from './replication.ts';
import { immutable, oneWay, type Rule, replicas, replicasRule } from './rule.ts';
import { assetStatus, streamFigures } from './status.ts';

const limit = z.int().min(-1).default(-1);
const off = z.boolean().default(false);

/** The fields, their values and their defaults are those of NACK's Stream. */
export const streamSpec = z.object({
  name: assetName.describe('Name of the stream in NATS.'),
  description: z.string().max(4096).optional().describe('What the stream is for.'),
  subjects: z
    .array(subject)
    .max(1000)
    .optional()
    .describe('Subjects whose messages are stored; wildcards are allowed.'),
  retention: z
    .enum(['limits', 'interest', 'workqueue'])
    .default('limits')
    .describe('When a message may go: at a limit, or when its consumers have acknowledged it.'),
  maxConsumers: limit.describe('How many consumers it may have; -1 is no limit.'),
  maxMsgs: limit.describe('How many messages it keeps; -1 is no limit.'),
  maxBytes: bytes.default(-1).describe('How large it may become; -1 is no limit.'),
  maxMsgsPerSubject: z
    .int()
    .min(-1)
    .default(0)
    .describe('How many messages of one subject it keeps; 0 is no limit.'),
  maxMsgSize: bytes.default(-1).describe('Size of the largest message it takes; -1 is no limit.'),
  maxAge: duration.default('').describe('How long a message is kept; empty is for ever.'),
  discard: z
    .enum(['old', 'new'])
    .default('old')
    .describe('Which messages are lost at a limit: the oldest, or the ones that come.'),
  discardPerSubject: off.describe('Whether discard new refuses at the limit of a subject as well.'),
  storage: z.enum(['file', 'memory']).default('memory').describe('Where messages are kept.'),
  replicas: replicas.describe('On how many servers each message is.'),
  noAck: off.describe('Whether publishers get no acknowledgement.'),
  duplicateWindow: duration
    .optional()
    .describe('For how long a message id is known; two minutes when it is not given.'),
  placement: placement.optional(),
  mirror: mirror.optional(),
  sources: sources.optional(),
  sealed: off.describe('Whether nothing comes in and nothing goes out any more.'),
  denyDelete: off.describe('Whether the API refuses to delete a message.'),
  denyPurge: off.describe('Whether the API refuses to purge the stream.'),
  allowRollup: off.describe(
    'Whether a message with the header Nats-Rollup replaces all before it.',
  ),
  compression: z
    .enum(['s2', 'none', ''])
    .default('')
    .describe('How blocks of files are compressed.'),
  firstSequence: z.int().min(0).default(0).describe('Sequence of the first message.'),
  subjectTransform: subjectTransform.optional(),
  republish: republish.optional(),
  allowDirect: off.describe('Whether any replica answers a request for one message.'),
  mirrorDirect: off.describe('Whether this mirror answers such requests for its origin.'),
  allowMsgTtl: off.describe('Whether the header Nats-TTL lets a message expire.'),
  subjectDeleteMarkerTtl: duration
    .default('')
    .describe('How long a marker stays where the last message of a subject expired.'),
  allowMsgCounter: off.describe('Whether each subject is a counter.'),
  allowAtomicPublish: off.describe('Whether a batch is stored as a whole or not at all.'),
  allowBatchPublish: off.describe(
    'Whether a batch may be stored without waiting for each message.',
  ),
  allowMsgSchedules: off.describe('Whether a message may be published later, by a header.'),
  persistMode: z
    .enum(['', 'default', 'async'])
    .default('')
    .describe('Whether a message is acknowledged before it is written to the file.'),
  consumerLimits: z
    .object({
      inactiveThreshold: duration.optional().describe('The longest inactiveThreshold.'),
      maxAckPending: z.int().optional().describe('The largest maxAckPending.'),
    })
    .optional()
    .describe('Limits and defaults for the consumers of this stream.'),
  metadata: metadata.describe('Further metadata of the stream.'),
  ...asset,
});
export type StreamSpec = z.output<typeof streamSpec>;

export const streamStatus = assetStatus.extend({
  state: streamFigures.optional().describe('What is in it.'),
});
export type StreamStatus = z.output<typeof streamStatus>;

const rules: readonly Rule[] = [
  immutable('name', 'name never changes: a stream cannot be renamed.'),
  immutable('storage', 'storage never changes: messages cannot move between file and memory.'),
  {
    rule:
      'self.retention == oldSelf.retention || ' +
      "(self.retention != 'workqueue' && oldSelf.retention != 'workqueue')",
    message: 'retention never changes to or from workqueue: make a new stream.',
    fieldPath: '.retention',
  },
  ...['sealed', 'denyDelete', 'denyPurge', 'allowMsgTtl', 'allowMsgSchedules'].map(oneWay),
  {
    rule: "(self.persistMode == 'async') == (oldSelf.persistMode == 'async')",
    message: 'persistMode never changes: it is chosen when the stream is made.',
    fieldPath: '.persistMode',
  },
  immutable('allowMsgCounter', 'allowMsgCounter never changes: make a new stream.'),
  immutable('firstSequence', 'firstSequence never changes: it is used when the stream is made.'),
  {
    rule: '!has(self.mirror) || (has(oldSelf.mirror) && self.mirror == oldSelf.mirror)',
    message: 'mirror never changes; it may be removed, which makes a stream of its own of it.',
    fieldPath: '.mirror',
  },
  {
    rule: '!has(self.mirror) || !has(self.subjects) || self.subjects.size() == 0',
    message: 'A mirror has the subjects of its origin: give either mirror or subjects.',
    fieldPath: '.subjects',
  },
  {
    rule: '!has(self.mirror) || !has(self.sources) || self.sources.size() == 0',
    message: 'A mirror has one origin: give either mirror or sources.',
    fieldPath: '.sources',
  },
  {
    rule:
      '!has(self.mirror) || (self.firstSequence == 0 && !self.allowMsgCounter && ' +
      '!self.allowAtomicPublish && !self.allowBatchPublish && !self.allowMsgSchedules && ' +
      "self.subjectDeleteMarkerTtl in ['', '0'])",
    message:
      'A mirror has no firstSequence, allowMsgCounter, allowAtomicPublish, allowBatchPublish, ' +
      'allowMsgSchedules or subjectDeleteMarkerTtl: it only repeats its origin.',
    fieldPath: '.mirror',
  },
  {
    rule: "!self.discardPerSubject || (self.discard == 'new' && self.maxMsgsPerSubject > 0)",
    message: 'discardPerSubject needs discard new and a maxMsgsPerSubject above 0.',
    fieldPath: '.discardPerSubject',
  },
  {
    rule: '!self.denyPurge || !self.allowRollup',
    message: 'allowRollup purges, which denyPurge forbids: give one of them.',
    fieldPath: '.allowRollup',
  },
  {
    rule:
      "!self.allowMsgCounter || (self.discard == 'old' && self.retention == 'limits' && " +
      '!self.allowMsgTtl && !self.allowMsgSchedules)',
    message:
      'A stream of counters has discard old, retention limits, no allowMsgTtl and no ' +
      'allowMsgSchedules.',
    fieldPath: '.allowMsgCounter',
  },
  {
    rule: "!self.allowMsgSchedules || self.discard == 'old'",
    message: 'allowMsgSchedules needs discard old.',
    fieldPath: '.allowMsgSchedules',
  },
  {
    rule:
      "self.persistMode != 'async' || (self.storage == 'file' && self.replicas == 1 && " +
      '!self.allowAtomicPublish)',
    message: 'persistMode async needs storage file, one replica and no allowAtomicPublish.',
    fieldPath: '.persistMode',
  },
  replicasRule,
  ...connectionRules,
];

export const streamDefinition: Definition = {
  resource: streams,
  shortNames: ['str'],
  description: 'A stream of JetStream.',
  spec: streamSpec,
  status: streamStatus,
  rules,
  columns: columns(
    text('Stream', '.spec.name'),
    figure('Messages', '.status.state.messages'),
    figure('Bytes', '.status.state.bytes'),
    figure('Consumers', '.status.state.consumers'),
    wide(figure('Replicas', '.spec.replicas')),
    wide(text('Leader', '.status.cluster.leader')),
    wide(text('Subjects', '.spec.subjects')),
  ),
};
