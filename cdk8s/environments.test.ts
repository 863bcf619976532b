import { expect, test } from '@jest/globals';
import {
  type Environment,
  type EnvironmentInput,
  environmentNamed,
  environmentNames,
  environmentOf,
  inputOf,
} from './environments.ts';
import { renderedOf } from './rendering.ts';
import { services } from './testing/manifests.ts';

/** The values of an environment, some of them other ones. */
function changed(name: Environment['name'], change: object): EnvironmentInput {
  return { ...inputOf(name), ...change } as EnvironmentInput;
}
const synth = (input: EnvironmentInput) => renderedOf(environmentOf(input), services);
const prod = inputOf('prod');

test.each(environmentNames)('the values of %s can be', (name) => {
  expect(environmentNamed(name).name).toBe(name);
});

test.each([
  ['a value of another kind', { cpuShare: 'much' }, /^Environment prod: cpuShare is wrong: .*\.$/],
  ['an unknown value', { colour: 'blue' }, /^Environment prod: it is wrong: .*colour.*\.$/],
  ['two replicas', { streams: { ...prod.streams, replicas: 2 } }, /streams\.replicas is wrong/],
  ['a tag that is none', { images: { prefix: '', tag: 'a b' } }, /images\.tag is wrong/],
  ['a prefix without its slash', { images: { prefix: 'example.org' } }, /images\.prefix is wrong/],
])('%s is refused with a sentence', (_, change, sentence) => {
  expect(() => environmentOf(changed('prod', change))).toThrow(sentence);
});

const shutdown = (change: object) => ({ shutdown: { ...prod.shutdown, ...change } });
const variables = (given: object) => ({ variables: given });

test.each([
  [
    'a drain that outlasts the grace period',
    shutdown({ graceSeconds: 34 }),
    'order: a drain of 25 s, 5 s before it and 5 s after it need 35 s, and the grace period is ' +
      '34 s.',
  ],
  [
    'a drain that a call outlasts',
    shutdown({ drainSeconds: 7 }),
    'payment: DRAIN_SECONDS must not be less than PROVIDER_TIMEOUT_MS.',
  ],
  [
    'a call that the redelivery of its message overtakes',
    variables({ PROVIDER_TIMEOUT_MS: '30000' }),
    'operator: PROVIDER_TIMEOUT_MS must be less than ACK_WAIT_MS.',
  ],
  [
    'another time than the consumers have',
    variables({ ACK_WAIT_MS: '60000' }),
    'order: ACK_WAIT_MS must be the 30000 ms of consumer order-hot of INVENTORY.',
  ],
  [
    'a variable that no process takes',
    variables({ LOG_LEVEL: 'loud' }),
    /^operator: LOG_LEVEL must be one of .*\.$/,
  ],
  [
    'a heap that does not fit',
    variables({ NODE_OPTIONS: '--max-old-space-size=192 --max-semi-space-size=16' }),
    'operator: the heap may take 240 MiB, and the memory limit is 256 MiB.',
  ],
  [
    'a heap without bound',
    variables({ NODE_OPTIONS: '--enable-source-maps' }),
    'operator: the heap has no bound, and the memory limit is 256 MiB.',
  ],
  [
    'fewer replicas than a service needs',
    { replicasMax: 1 },
    'operator: needs 2 replicas, and replicasMax is 1.',
  ],
  [
    'a floating tag in production',
    { images: { prefix: '', tag: 'latest' } },
    'Environment prod: the image windlass/operator:latest is not pinned to a version.',
  ],
  [
    'no tag in production',
    { images: { prefix: 'example.org/shop/' } },
    'Environment prod: the image example.org/shop/windlass/operator is not pinned to a version.',
  ],
  [
    'a floating image of NATS',
    { nats: { ...prod.nats, image: 'nats:alpine' } },
    'Environment prod: the image nats:alpine is not pinned to a version.',
  ],
  [
    'streams that do not fit on a volume',
    { nats: { ...prod.nats, storage: '10Gi' } },
    /^Environment prod: the streams reserve \d+ bytes, and a volume of 10Gi has room for \d+\.$/,
  ],
])('%s is refused with a sentence', (_, change, sentence) => {
  expect(() => synth(changed('prod', change))).toThrow(sentence);
});

test('more replicas than a consumer has messages for are refused', () => {
  const many = services.map((service) => ({
    ...service,
    scaling: { ...service.scaling, replicasMax: 9 },
  }));
  const input = changed('prod', { replicasMax: 9 });
  expect(() => renderedOf(environmentOf(input), many)).toThrow(
    'order: 9 replicas with 512 messages each are more than the 4096 that consumer order-hot of ' +
      'INVENTORY gives out.',
  );
});

test('more connections than PostgreSQL takes are refused', () => {
  expect(() => synth(changed('ci', variables({ DATABASE_POOL_MAX: '21' })))).toThrow(
    'Environment ci: the services may open 315 connections, and PostgreSQL takes 300.',
  );
});

test.each(['0.1.0', 'v2.3.4-rc.1', `main@sha256:${'a'.repeat(64)}`])(
  'the tag %s is pinned',
  (tag) => {
    expect(synth(changed('prod', { images: { prefix: '', tag } })).files.size).toBeGreaterThan(0);
  },
);
