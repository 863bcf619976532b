import { z } from 'zod';
import type { Rule } from './rule.ts';
import { immutable } from './rule.ts';

/** The name of an object of Kubernetes. */
export const objectName = z.string().min(1).max(253);
const path = z.string().max(1024);

/** An account of a NatsCluster, and the name by which nats.conf knows it. */
export const accountName = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[A-Za-z0-9_-]+$/)
  .meta({ sentence: 'The name of an account has letters, digits, - and _ only.' });

export const clusterRef = z
  .object({
    name: objectName.describe('Name of the NatsCluster.'),
    namespace: objectName
      .optional()
      .describe('Namespace of the NatsCluster, when it is another one that allows it.'),
    account: accountName
      .optional()
      .describe('Account of the cluster; the first of the cluster when it is not given.'),
  })
  .describe('The NatsCluster in which it is.');
export type ClusterRef = z.output<typeof clusterRef>;

export const deletionPolicy = z
  .enum(['Retain', 'Delete', 'DeleteIfEmpty'])
  .default('Retain')
  .describe('What becomes of it in NATS when this object is deleted.');
export type DeletionPolicy = z.output<typeof deletionPolicy>;

/** How an asset says where it is: the fields of NACK, and `clusterRef`. */
export const connection = {
  clusterRef: clusterRef.optional(),
  servers: z
    .array(z.string().min(1).max(512))
    .max(32)
    .default([])
    .describe('Addresses of servers that are not a NatsCluster.'),
  account: z
    .string()
    .max(253)
    .regex(/^[^.*>]*$/)
    .meta({ sentence: 'The name of an Account has no dots, * or >.' })
    .optional()
    .describe('Name of the Account object with the connection settings.'),
  creds: path.default('').describe('Path of a credentials file that the operator has mounted.'),
  nkey: path
    .default('')
    .describe('Path of a file with an NKey seed that the operator has mounted.'),
  tls: z
    .object({
      clientCert: path.optional().describe('Path of the client certificate.'),
      clientKey: path.optional().describe('Path of the key of the client certificate.'),
      rootCas: z.array(path).max(32).default([]).describe('Paths of the certificate authorities.'),
    })
    .optional()
    .describe('Certificates of the connection; paths are files that the operator has mounted.'),
  tlsFirst: z
    .boolean()
    .default(false)
    .describe('Whether TLS starts before the server has said anything.'),
  jsDomain: z.string().max(255).optional().describe('The JetStream domain in which it is.'),
};

/** What every asset of JetStream has besides its own configuration. */
export const asset = {
  ...connection,
  preventDelete: z
    .boolean()
    .default(false)
    .describe('Never delete it in NATS, whatever deletionPolicy says.'),
  preventUpdate: z
    .boolean()
    .default(false)
    .describe('Create it when it is missing, and never change it.'),
  deletionPolicy,
};

export const connectionRules: readonly Rule[] = [
  {
    rule:
      "!has(self.clusterRef) || ((!has(self.account) || self.account == '') && " +
      "self.servers.size() == 0 && self.creds == '' && self.nkey == '' && !has(self.tls))",
    message: 'Give either clusterRef, or account, servers, creds, nkey and tls.',
    fieldPath: '.clusterRef',
  },
  {
    rule:
      '!has(self.clusterRef) || !has(self.clusterRef.account) || ' +
      "self.clusterRef.account != 'SYS'",
    message: 'The account SYS belongs to the operator and has no JetStream.',
    fieldPath: '.clusterRef.account',
  },
  immutable('clusterRef', 'clusterRef never changes: make a new object for another cluster.'),
  immutable('account', 'account never changes: make a new object for another account.', "''"),
  immutable('jsDomain', 'jsDomain never changes: make a new object for another domain.', "''"),
  {
    rule:
      'self.servers.size() == 0 ? oldSelf.servers.size() == 0 : ' +
      'self.servers.exists(each, each in oldSelf.servers)',
    message: 'servers must keep at least one address: make a new object for another cluster.',
    fieldPath: '.servers',
  },
];
