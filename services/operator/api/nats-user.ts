import { z } from 'zod';
import { clusterRef, objectName } from './connection.ts';
import { columns, type Definition, text, wide } from './definition.ts';
import { comparableDuration } from './duration.ts';
import { natsUsers } from './kinds.ts';
import { assetName, subject } from './replication.ts';
import { immutable, type Rule } from './rule.ts';
import { commonStatus } from './status.ts';

const subjects = z.array(subject).max(256);

const role = z.object({
  pulls: z
    .array(
      z.object({
        stream: assetName.describe('Name of the stream in NATS.'),
        consumer: assetName.describe('Name of the consumer in NATS.'),
      }),
    )
    .max(64)
    .default([])
    .describe('Consumers from which it pulls, and whose messages it acknowledges.'),
  publishes: subjects.default([]).describe('Subjects to which it publishes.'),
  subscribes: subjects.default([]).describe('Subjects to which it subscribes.'),
  manages: z
    .array(assetName)
    .max(64)
    .default([])
    .describe('Streams that it may create, change and delete, with their consumers.'),
});
export type NatsUserRole = z.output<typeof role>;

const permission = z.object({
  allow: subjects.default([]).describe('Subjects that are allowed.'),
  deny: subjects.default([]).describe('Subjects that are refused although they are allowed.'),
});

const permissions = z.object({
  publish: permission.prefault({}).describe('Where it may publish to.'),
  subscribe: permission.prefault({}).describe('What it may subscribe to.'),
  allowResponses: z
    .object({
      max: z.int().min(-1).max(1_000_000).default(1).describe('How many replies to one request.'),
      expires: comparableDuration.default('2m').describe('How long after the request.'),
    })
    .optional()
    .describe('Whether it may reply to requests that reach it.'),
});
export type NatsUserPermissions = z.output<typeof permissions>;

export const natsUserSpec = z.object({
  clusterRef,
  role: role.optional().describe('What it does; the permissions follow from it.'),
  permissions: permissions.optional().describe('Its permissions, subject by subject.'),
  secretName: objectName
    .optional()
    .describe('Name of the Secret with its credentials; as this object when it is not given.'),
  rotation: z
    .object({
      every: comparableDuration.optional().describe('How old its key may become.'),
      overlap: comparableDuration
        .default('1h')
        .describe('How long the key before it is still accepted.'),
    })
    .prefault({})
    .describe('When it gets a new key.'),
  inboxPrefix: subject
    .optional()
    .describe('Prefix of the subjects on which it receives replies; `_INBOX.` and its name.'),
});
export type NatsUserSpec = z.output<typeof natsUserSpec>;

export const natsUserStatus = commonStatus.extend({
  publicKeys: z
    .array(z.string())
    .optional()
    .describe('Public NKeys that the servers accept, the newest first.'),
  secretName: z.string().optional().describe('Name of the Secret with its credentials.'),
  account: z.string().optional().describe('Account of the cluster in which it is.'),
  rotatedAt: z.string().optional().describe('When it got its newest key.'),
  overlapEndsAt: z.string().optional().describe('When its older keys are refused.'),
  nextRotationAt: z.string().optional().describe('When it gets the next one.'),
});
export type NatsUserStatus = z.output<typeof natsUserStatus>;

const rules: readonly Rule[] = [
  immutable('clusterRef', 'clusterRef never changes: make a new user in the other cluster.'),
  {
    rule: 'has(self.role) != has(self.permissions)',
    message: 'Give exactly one of role and permissions.',
  },
  {
    rule:
      '!has(self.rotation.every) || ' +
      'duration(self.rotation.every) > duration(self.rotation.overlap)',
    message: 'rotation.every must be longer than rotation.overlap.',
    fieldPath: '.rotation',
  },
  {
    rule: "!has(self.inboxPrefix) || !self.inboxPrefix.matches('[*>]')",
    message: 'inboxPrefix has no wildcards.',
    fieldPath: '.inboxPrefix',
  },
  {
    rule: "!has(self.clusterRef.account) || self.clusterRef.account != 'SYS'",
    message: 'The account SYS belongs to the operator.',
    fieldPath: '.clusterRef',
  },
];

export const natsUserDefinition: Definition = {
  resource: natsUsers,
  shortNames: ['nu'],
  description: 'A user of a NatsCluster, with its credentials in a Secret.',
  spec: natsUserSpec,
  status: natsUserStatus,
  rules,
  columns: columns(
    text('Cluster', '.spec.clusterRef.name'),
    text('Account', '.status.account'),
    text('Secret', '.status.secretName'),
    wide(text('Rotated', '.status.rotatedAt')),
    wide(text('Next Rotation', '.status.nextRotationAt')),
  ),
};
