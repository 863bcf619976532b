import { z } from 'zod';
import { asset, connectionRules } from './connection.ts';
import { columns, type Definition, figure, text, wide } from './definition.ts';
import { duration } from './duration.ts';
import { objectStores } from './kinds.ts';
import { bytes } from './quantity.ts';
import { bucketName, metadata, placement } from './replication.ts';
import { immutable, type Rule, replicas, replicasRule } from './rule.ts';
import { assetStatus } from './status.ts';

/** The fields of NACK's ObjectStore. Where it has no default, this is the one of NATS. */
export const objectStoreSpec = z.object({
  bucket: bucketName.describe('Name of the bucket in NATS.'),
  description: z.string().max(4096).optional().describe('What the bucket is for.'),
  ttl: duration.default('').describe('How long an object is kept; empty is for ever.'),
  maxBytes: bytes.default(-1).describe('How large the bucket may become; -1 is no limit.'),
  storage: z.enum(['file', 'memory']).default('file').describe('Where objects are kept.'),
  replicas: replicas.describe('On how many servers each object is.'),
  placement: placement.optional(),
  compression: z.boolean().default(false).describe('Whether the files are compressed.'),
  metadata: metadata.describe('Further metadata of the bucket.'),
  ...asset,
});
export type ObjectStoreSpec = z.output<typeof objectStoreSpec>;

export const objectStoreStatus = assetStatus.extend({
  state: z
    .object({
      bytes: z.int().min(0).optional().describe('How large it is.'),
      chunks: z.int().min(0).optional().describe('How many messages its objects take.'),
      lastSeq: z.int().min(0).optional().describe('Sequence of the last change.'),
    })
    .optional()
    .describe('What is in it.'),
});
export type ObjectStoreStatus = z.output<typeof objectStoreStatus>;

const rules: readonly Rule[] = [
  immutable('bucket', 'bucket never changes: a bucket cannot be renamed.'),
  immutable('storage', 'storage never changes: objects cannot move between file and memory.'),
  replicasRule,
  ...connectionRules,
];

export const objectStoreDefinition: Definition = {
  resource: objectStores,
  shortNames: ['os'],
  description: 'A bucket of objects in JetStream.',
  spec: objectStoreSpec,
  status: objectStoreStatus,
  rules,
  columns: columns(
    text('Bucket', '.spec.bucket'),
    figure('Bytes', '.status.state.bytes'),
    wide(figure('Replicas', '.spec.replicas')),
    wide(text('Leader', '.status.cluster.leader')),
  ),
};
