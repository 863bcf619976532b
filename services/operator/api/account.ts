import { z } from 'zod';
import { objectName } from './connection.ts';
import { columns, type Definition, text, wide } from './definition.ts';
import { accounts } from './kinds.ts';
import type { Rule } from './rule.ts';
import { commonStatus } from './status.ts';

const secret = z.object({ name: objectName.describe('Name of the Secret.') });
/** A key of the Secret, or the path of a file that the operator has mounted. */
const fileOrKey = z.string().max(1024);
const secretKey = z.string().max(253);

/** The fields of NACK's Account: how assets that name it reach their servers, nothing else. */
export const accountSpec = z.object({
  name: z
    .string()
    .min(1)
    .max(253)
    .regex(/^[^.*>]*$/)
    .meta({ sentence: 'The name of an account has no dots, * or >.' })
    .describe('Name of the account, for people; assets name the object.'),
  servers: z
    .array(z.string().min(1).max(512))
    .max(32)
    .default([])
    .describe('Addresses of the servers.'),
  tls: z
    .object({
      secret: secret.optional().describe('Secret with them; without it, the rest are files.'),
      ca: fileOrKey.optional().describe('Its key with the certificate authority, or a file.'),
      cert: fileOrKey.optional().describe('Its key with the client certificate, or a file.'),
      key: fileOrKey.optional().describe('Its key with the key of that certificate, or a file.'),
    })
    .optional()
    .describe('Certificates of the connection.'),
  creds: z
    .object({
      secret: secret.optional().describe('Secret with the credentials file.'),
      file: fileOrKey.optional().describe('Its key with the file, or the path of a file.'),
    })
    .optional()
    .describe('Credentials file of a user.'),
  nkey: z
    .object({
      secret: secret.optional().describe('Secret with the seed.'),
      seed: secretKey.optional().describe('Its key with the seed.'),
    })
    .optional()
    .describe('NKey of a user.'),
  token: z
    .object({
      secret: secret.optional().describe('Secret with the token.'),
      token: secretKey.optional().describe('Its key with the token.'),
    })
    .optional()
    .describe('Token of the connection.'),
  user: z
    .object({
      secret: secret.optional().describe('Secret with user and password.'),
      user: secretKey.optional().describe('Its key with the user.'),
      password: secretKey.optional().describe('Its key with the password.'),
    })
    .optional()
    .describe('User and password of the connection.'),
  tlsFirst: z
    .boolean()
    .default(false)
    .describe('Whether TLS starts before the server has said anything.'),
});
export type AccountSpec = z.output<typeof accountSpec>;

export const accountStatus = commonStatus.extend({
  connectedServer: z.string().optional().describe('Name of the server it reached last.'),
});
export type AccountStatus = z.output<typeof accountStatus>;

const rules: readonly Rule[] = [
  {
    rule:
      '[has(self.creds), has(self.nkey), has(self.token), has(self.user)]' +
      '.filter(each, each).size() < 2',
    message: 'Give one of creds, nkey, token and user.',
  },
];

export const accountDefinition: Definition = {
  resource: accounts,
  shortNames: ['acc'],
  description: 'How assets that name it reach their servers.',
  spec: accountSpec,
  status: accountStatus,
  rules,
  columns: columns(
    text('Servers', '.spec.servers'),
    wide(text('Connected', '.status.connectedServer')),
  ),
};
