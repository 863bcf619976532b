import { columns, type Definition, figure, text, wide } from './definition.ts';
import { natsClusters } from './kinds.ts';
import { natsClusterSpec } from './nats-cluster.ts';
import { natsClusterStatus } from './nats-cluster-status.ts';
import type { Rule } from './rule.ts';

const rules: readonly Rule[] = [
  {
    rule: 'self.replicas in [1, 3, 5]',
    message: 'replicas is 1, 3 or 5: an even number survives no more losses than one less.',
    fieldPath: '.replicas',
  },
  {
    rule:
      "int(self.version.split('.')[0]) > 2 || " +
      "(int(self.version.split('.')[0]) == 2 && int(self.version.split('.')[1]) >= 12)",
    message: 'version must be 2.12.0 or later.',
    fieldPath: '.version',
  },
  {
    rule:
      'quantity(string(self.storage.size)).compareTo(' +
      'quantity(string(oldSelf.storage.size))) >= 0',
    message: 'storage.size never shrinks: a volume cannot become smaller.',
    fieldPath: '.storage.size',
  },
  {
    rule: "quantity(string(self.storage.size)).isGreaterThan(quantity('0'))",
    message: 'storage.size must be above 0.',
    fieldPath: '.storage.size',
  },
  {
    rule:
      'has(self.storage.className) == has(oldSelf.storage.className) && ' +
      '(!has(self.storage.className) || self.storage.className == oldSelf.storage.className)',
    message: 'storage.className never changes: a volume cannot move to another class.',
    fieldPath: '.storage.className',
  },
  {
    rule: "!self.accounts.exists(each, each.name == 'SYS')",
    message: 'The account SYS is always there and belongs to the operator.',
    fieldPath: '.accounts',
  },
  {
    rule:
      '!has(self.anonymousAccount) || ' +
      'self.accounts.exists(each, each.name == self.anonymousAccount)',
    message: 'anonymousAccount must be one of accounts.',
    fieldPath: '.anonymousAccount',
  },
  {
    rule: "(self.tls.mode == 'Disabled') == (oldSelf.tls.mode == 'Disabled')",
    message:
      'TLS cannot be switched on or off: servers with and without it do not reach each other ' +
      'while they are replaced.',
    fieldPath: '.tls.mode',
  },
  {
    rule: "(self.tls.mode == 'Secret') == has(self.tls.secretName)",
    message: 'tls.secretName belongs to tls.mode Secret, which needs it.',
    fieldPath: '.tls',
  },
  {
    rule: "(self.tls.mode == 'CertManager') == has(self.tls.issuerRef)",
    message: 'tls.issuerRef belongs to tls.mode CertManager, which needs it.',
    fieldPath: '.tls',
  },
  {
    rule: 'duration(self.tls.renewBefore) < duration(self.tls.duration)',
    message: 'tls.renewBefore must be shorter than tls.duration.',
    fieldPath: '.tls.renewBefore',
  },
  {
    rule: 'self.lameDuck.graceSeconds < self.lameDuck.durationSeconds',
    message: 'lameDuck.graceSeconds must be below lameDuck.durationSeconds, which includes it.',
    fieldPath: '.lameDuck.graceSeconds',
  },
  {
    rule: "self.allowedNamespaces.from == 'Names' || self.allowedNamespaces.names.size() == 0",
    message: 'allowedNamespaces.names belongs to allowedNamespaces.from Names.',
    fieldPath: '.allowedNamespaces',
  },
  {
    rule: "has(self.resources.limits) && 'memory' in self.resources.limits",
    message: 'resources.limits needs memory: the limits of JetStream follow from it.',
    fieldPath: '.resources.limits',
  },
];

export const natsClusterDefinition: Definition = {
  resource: natsClusters,
  shortNames: ['nc'],
  description: 'A cluster of NATS servers with JetStream.',
  spec: natsClusterSpec,
  status: natsClusterStatus,
  rules,
  objectRules: [
    {
      rule: "self.metadata.name.size() <= 45 && !self.metadata.name.contains('.')",
      message: 'The name is part of the names of its pods: at most 45 characters, and no dots.',
    },
  ],
  columns: columns(
    figure('Replicas', '.spec.replicas'),
    figure('Up', '.status.readyReplicas'),
    text('Version', '.status.version'),
    text('Meta Leader', '.status.metaLeader'),
    text('Rollout', '.status.rollout.step'),
    wide(text('Victim', '.status.rollout.victim')),
    wide(text('Url', '.status.url')),
  ),
  scale: {
    specReplicasPath: '.spec.replicas',
    statusReplicasPath: '.status.replicas',
    labelSelectorPath: '.status.selector',
  },
};
