import { z } from 'zod';

/** A subject, with or without wildcards. */
export const subject = z
  .string()
  .min(1)
  .max(1024)
  .regex(/^[^\s.]+(\.[^\s.]+)*$/)
  .meta({ sentence: 'A subject is tokens with dots between them, and no spaces.' });
/** NACK lets a subject be empty where it means that there is none. */
export const optionalSubject = z
  .string()
  .max(1024)
  .regex(/^([^\s.]+(\.[^\s.]+)*)?$/)
  .meta({ sentence: 'A subject is tokens with dots between them, and no spaces.' });

/** RFC 3339; empty means that there is none. */
export const time = z
  .string()
  .max(64)
  .regex(/^([0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9:.]+([Zz]|[+-][0-9]{2}:[0-9]{2}))?$/)
  .meta({ sentence: 'A time is in RFC 3339: 2030-01-31T12:00:00Z.' });

/** What names a stream or a consumer: part of a subject and of a file's path. */
export const assetName = z
  .string()
  .min(1)
  .max(255)
  .regex(/^[^\s.*>/\\]+$/)
  .meta({ sentence: 'A name in NATS has no spaces, dots, slashes, * or >.' });

/** What names a bucket: a stream of this name has a prefix before it. */
export const bucketName = z
  .string()
  .min(1)
  .max(251)
  .regex(/^[A-Za-z0-9_-]+$/)
  .meta({ sentence: 'The name of a bucket has letters, digits, - and _ only.' });

export const metadata = z
  .record(z.string(), z.string().max(4096))
  .meta({ maxProperties: 128 })
  .optional();

export const placement = z
  .object({
    cluster: z.string().max(255).optional().describe('Name of the cluster of a supercluster.'),
    tags: z.array(z.string().max(255)).max(32).default([]).describe('Tags that servers must have.'),
  })
  .describe('On which servers it may be.');

const transform = z.object({
  source: optionalSubject.default('').describe('Subjects that are mapped.'),
  dest: z.string().max(1024).default('').describe('What they are mapped to.'),
});
export const subjectTransform = transform.describe('Maps the subject of each message stored.');

export const republish = z
  .object({
    source: optionalSubject.default('').describe('Which messages are published again.'),
    destination: z.string().max(1024).default('').describe('The subject they are published to.'),
    headersOnly: z.boolean().default(false).describe('Whether the bodies are left out.'),
  })
  .describe('Publishes each stored message again.');

export const source = z.object({
  name: assetName.describe('Name of the stream it copies.'),
  optStartSeq: z.int().min(0).optional().describe('First sequence that is copied.'),
  optStartTime: time.optional().describe('Time of the first message that is copied, RFC 3339.'),
  filterSubject: optionalSubject.optional().describe('Only messages of these subjects.'),
  externalApiPrefix: z.string().max(255).optional().describe('API prefix of another account.'),
  externalDeliverPrefix: z
    .string()
    .max(255)
    .optional()
    .describe('Prefix of the subjects that another account delivers to.'),
  subjectTransforms: z
    .array(transform)
    .max(32)
    .optional()
    .describe('Which subjects are copied, and what they become.'),
});
export type StreamSource = z.output<typeof source>;

export const mirror = source.describe('The stream of which it is a copy.');
export const sources = z.array(source).max(64).describe('Streams whose messages it collects.');
