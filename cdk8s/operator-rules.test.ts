import { expect, test } from '@jest/globals';
import { definitions } from '@windlass/operator/api/render.ts';
import {
  certManagerRules,
  clusterRules,
  metricsReaderName,
  ownRules,
  type Rule,
  watchedRules,
} from './operator-rules.ts';
import { type Manifest, manifestsOf } from './testing/manifests.ts';

const rules: readonly Rule[] = [
  ...watchedRules,
  ...clusterRules,
  ...ownRules('lease', 'service'),
  ...certManagerRules,
];

test('no rule has a wildcard, and each has a reason', () => {
  for (const { apiGroup, resource, verbs, why } of rules) {
    expect([apiGroup, resource, ...verbs, why].join(' ')).not.toContain('*');
    expect(verbs.length).toBeGreaterThan(0);
    expect(why).not.toBe('');
  }
});

test('every kind of ours can be watched, and all but accounts get a status', () => {
  for (const { resource } of definitions) {
    const verbsOn = (name: string) =>
      watchedRules
        .filter((rule) => rule.resource === name && rule.apiGroup === resource.group)
        .flatMap(({ verbs }) => verbs);
    expect(verbsOn(resource.plural)).toEqual(expect.arrayContaining(['list', 'watch']));
    const hasStatus = verbsOn(`${resource.plural}/status`).includes('patch');
    expect([resource.plural, hasStatus]).toEqual([resource.plural, resource.plural !== 'accounts']);
  }
});

test('outside of the namespace that it watches, it reads no Secret but its own by name', () => {
  for (const { resource, verbs, names } of [...clusterRules, ...ownRules('lease', 'service')]) {
    if (resource === 'secrets' && !verbs.includes('create')) expect(names).toHaveLength(1);
  }
  expect(clusterRules.map(({ resource }) => resource)).toEqual([
    'namespaces',
    'apiservices',
    'clusterroles',
  ]);
});

test('what is rendered for it is these rules, in the namespace that it watches', () => {
  const manifests = manifestsOf('prod');
  const role = manifests.find(
    ({ kind, metadata }) => kind === 'Role' && metadata.namespace === 'windlass',
  );
  expect(role?.rules).toEqual(
    watchedRules.map(({ apiGroup, resource, verbs }) => ({
      ...{ apiGroups: [apiGroup], resources: [resource], verbs },
    })),
  );
  const configured = manifests.find(
    ({ kind, metadata }: Manifest) => kind === 'ConfigMap' && metadata.name === 'operator',
  );
  expect(configured?.data).toMatchObject({
    WATCH_NAMESPACE: 'windlass',
    EXTERNAL_METRICS_OWNER: metricsReaderName,
  });
});
