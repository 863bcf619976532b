import { describe, expect, test } from '@jest/globals';
import { services } from '../../api/core.ts';
import type { KubeObject } from '../../control/objects.ts';
import { child, differs } from './child.ts';

const owner = {
  apiVersion: 'windlass.dev/v1alpha1',
  kind: 'NatsCluster',
  namespace: 'ns',
  name: 'c',
  uid: 'u',
};
const { object } = child(services, owner, 'c', {
  spec: {
    replicas: 3,
    resources: { cpu: '1000m' },
    ports: [{ name: 'client', port: 4_222 }],
    drop: ['ALL'],
    emptyDir: {},
  },
});
const spec = {
  replicas: 3,
  resources: { cpu: '1' },
  ports: [{ name: 'client', port: 4_222, protocol: 'TCP' }],
  drop: ['ALL'],
  emptyDir: {},
  more: 'defaulted',
};
const live = (over: object): KubeObject => ({ ...object, spec: { ...spec, ...over } });

const cases: Readonly<Record<string, readonly [KubeObject | undefined, boolean]>> = {
  'is made when it is not there': [undefined, true],
  'is left alone when the server has only added defaults': [live({}), false],
  'is repaired when a field was changed': [live({ replicas: 4 }), true],
  'is repaired when a field was removed': [
    live({ emptyDir: undefined, replicas: undefined }),
    true,
  ],
  'is repaired when a named entry was changed': [
    live({ ports: [{ name: 'client', port: 1 }] }),
    true,
  ],
  'is repaired when an entry was removed': [live({ ports: [] }), true],
  'keeps named entries that somebody has added': [
    live({ ports: [{ name: 'mine', port: 1 }, ...spec.ports] }),
    false,
  ],
  'is repaired when a list of words was changed': [live({ drop: ['NET_RAW'] }), true],
  'is applied when it was made from something else': [
    {
      ...live({}),
      metadata: { ...object.metadata, annotations: { 'windlass.dev/applied': 'other' } },
    },
    true,
  ],
};

describe('a child', () => {
  test.each(Object.entries(cases))('%s', (_, [present, expected]) => {
    expect(differs(object, present)).toBe(expected);
  });

  test('goes with its owner, and is found by its labels', () => {
    expect(object.metadata).toMatchObject({
      namespace: 'ns',
      labels: { 'windlass.dev/cluster': 'c', 'app.kubernetes.io/managed-by': 'windlass' },
      ownerReferences: [{ kind: 'NatsCluster', name: 'c', uid: 'u', controller: true }],
    });
  });
});
