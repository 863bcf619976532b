import { z } from 'zod';
import { asset, connectionRules } from './connection.ts';
import { columns, type Definition, figure, text, wide } from './definition.ts';
import { duration } from './duration.ts';
import { keyValues } from './kinds.ts';
import { bytes } from './quantity.ts';
import { bucketName, metadata, mirror, placement, republish, sources } from './replication.ts';
import { immutable, type Rule, replicas, replicasRule } from './rule.ts';
import { assetStatus } from './status.ts';

/** The fields of NACK's KeyValue. Where it has no default, this is the one of NATS. */
export const keyValueSpec = z.object({
  bucket: bucketName.describe('Name of the bucket in NATS.'),
  description: z.string().max(4096).optional().describe('What the bucket is for.'),
  maxValueSize: bytes.default(-1).describe('Size of the largest value; -1 is no limit.'),
  history: z.int().min(0).max(64).default(1).describe('How many values of a key are kept.'),
  ttl: duration.default('').describe('How long a value is kept; empty is for ever.'),
  limitMarkerTtl: z
    .union([z.int().min(0), duration])
    .meta({ 'x-kubernetes-int-or-string': true })
    .default(0)
    .describe('How long a marker of an expired key stays; a plain number is nanoseconds.'),
  maxBytes: bytes.default(-1).describe('How large the bucket may become; -1 is no limit.'),
  storage: z.enum(['file', 'memory']).default('file').describe('Where values are kept.'),
  replicas: replicas.describe('On how many servers each value is.'),
  placement: placement.optional(),
  republish: republish.optional(),
  mirror: mirror.optional(),
  compression: z.boolean().default(false).describe('Whether the files are compressed.'),
  sources: sources.optional(),
  metadata: metadata.describe('Further metadata of the bucket.'),
  ...asset,
});
export type KeyValueSpec = z.output<typeof keyValueSpec>;

export const keyValueStatus = assetStatus.extend({
  state: z
    .object({
      values: z.int().min(0).optional().describe('How many values it has, history included.'),
      keys: z.int().min(0).optional().describe('How many keys have a value.'),
      bytes: z.int().min(0).optional().describe('How large it is.'),
      lastSeq: z.int().min(0).optional().describe('Revision of the last change.'),
    })
    .optional()
    .describe('What is in it.'),
});
export type KeyValueStatus = z.output<typeof keyValueStatus>;

const rules: readonly Rule[] = [
  immutable('bucket', 'bucket never changes: a bucket cannot be renamed.'),
  immutable('storage', 'storage never changes: values cannot move between file and memory.'),
  {
    rule: '!has(self.mirror) || (has(oldSelf.mirror) && self.mirror == oldSelf.mirror)',
    message: 'mirror never changes; it may be removed, which makes a bucket of its own of it.',
    fieldPath: '.mirror',
  },
  {
    rule: '!has(self.mirror) || !has(self.sources) || self.sources.size() == 0',
    message: 'A mirror has one origin: give either mirror or sources.',
    fieldPath: '.sources',
  },
  replicasRule,
  ...connectionRules,
];

export const keyValueDefinition: Definition = {
  resource: keyValues,
  shortNames: ['kv'],
  description: 'A key-value bucket of JetStream.',
  spec: keyValueSpec,
  status: keyValueStatus,
  rules,
  columns: columns(
    text('Bucket', '.spec.bucket'),
    figure('Values', '.status.state.values'),
    figure('Bytes', '.status.state.bytes'),
    wide(figure('History', '.spec.history')),
    wide(figure('Replicas', '.spec.replicas')),
    wide(text('Leader', '.status.cluster.leader')),
  ),
};
