import { describe, expect, test } from '@jest/globals';
import {
  commandOf,
  environmentOf,
  expanded,
  fieldOf,
  resourceOf,
} from './container-environment.ts';
import type { ContainerSpec, EnvVariable, Pod } from './pod.ts';

const container: ContainerSpec = {
  name: 'nats',
  image: 'nats',
  resources: { limits: { memory: '1Gi', cpu: '1500m' } },
};
const pod: Pod = {
  metadata: { name: 'c-0', namespace: 'here', labels: { app: 'nats' }, annotations: { a: 'b' } },
  spec: { nodeName: 'node-a', containers: [container] },
};
const surroundings = {
  podIp: '127.1.2.3',
  hostIp: '127.1.2.1',
  configMapKey: (name: string, key: string) => (key === 'present' ? `of ${name}` : undefined),
  secretKey: (name: string, key: string) => (key === 'present' ? `secret of ${name}` : undefined),
};

describe('variables', () => {
  test.each([
    ['that are there are replaced', 'nats://$(HOST):$(PORT)', 'nats://h:4222'],
    ['that are not there stay', '$(OTHER)', '$(OTHER)'],
    ['with two dollars are text', '$$(HOST)', '$(HOST)'],
    ['without parentheses are text', '$HOST', '$HOST'],
  ])('%s', (_, text, result) => {
    expect(expanded(text, { HOST: 'h', PORT: '4222' })).toBe(result);
  });

  const cases: readonly (readonly [string, EnvVariable, string])[] = [
    [
      'of a field',
      { name: 'A', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
      '127.1.2.3',
    ],
    [
      'of a ConfigMap',
      { name: 'A', valueFrom: { configMapKeyRef: { name: 'm', key: 'present' } } },
      'of m',
    ],
    [
      'of a Secret',
      { name: 'A', valueFrom: { secretKeyRef: { name: 's', key: 'present' } } },
      'secret of s',
    ],
  ];
  test.each(cases)('have the value %s', (_, variable, value) => {
    const env = environmentOf(pod, { ...container, env: [variable] }, surroundings);
    expect(env.A).toBe(value);
  });

  test('refer to those before them', () => {
    const env: EnvVariable[] = [
      { name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
      { name: 'ADDRESS', value: '$(POD).svc' },
    ];
    expect(environmentOf(pod, { ...container, env }, surroundings).ADDRESS).toBe('c-0.svc');
  });

  test('of a key that is not there stop the container, unless they are optional', () => {
    const missing = { name: 'm', key: 'absent' };
    const required = [{ name: 'A', valueFrom: { configMapKeyRef: missing } }];
    const optional = [{ name: 'A', valueFrom: { secretKeyRef: { ...missing, optional: true } } }];
    expect(() => environmentOf(pod, { ...container, env: required }, surroundings)).toThrow(
      'ConfigMap m has no key absent',
    );
    const env = environmentOf(pod, { ...container, env: optional }, surroundings);
    expect(env).not.toHaveProperty('A');
  });
});

test.each([
  ['metadata.labels', 'app="nats"\n'],
  ["metadata.labels['app']", 'nats'],
  ["metadata.annotations['a']", 'b'],
  ['spec.nodeName', 'node-a'],
])('the downward API knows %s', (fieldPath, value) => {
  expect(fieldOf(pod, { fieldPath }, surroundings)).toBe(value);
});

test.each([
  ['limits.memory', '1Mi', '1024'],
  ['limits.memory', undefined, '1073741824'],
  ['limits.cpu', '1', '2'],
  ['limits.cpu', '1m', '1500'],
  ['requests.memory', '1', '0'],
])('%s in units of %s is %s', (resource, divisor, value) => {
  const ref = divisor === undefined ? { resource } : { resource, divisor };
  expect(resourceOf(pod, container, ref)).toBe(value);
});

test.each([
  ['flags follow the program of the image', { args: ['-c', '$(F)'] }, ['nats-server', '-c', 'f']],
  ['other arguments are the program', { args: ['nats-server', '-D'] }, ['nats-server', '-D']],
  ['a command replaces it', { command: ['/x'], args: ['y'] }, ['/x', 'y']],
  ['nothing is the program alone', {}, ['nats-server']],
])('%s', (_, words, result) => {
  expect(commandOf({ ...container, ...words }, { F: 'f' })).toEqual(result);
});
