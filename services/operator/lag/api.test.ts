import { describe, expect, test } from '@jest/globals';
import { ExternalMetrics } from './api.ts';
import type { Consumer } from './consumers.ts';
import { LagReader } from './reader.ts';
import { ApiError, statusOf } from './status.ts';

const base = '/apis/external.metrics.k8s.io/v1beta1';
const consumers: readonly Consumer[] = ['a', 'b', 'gone'].map((name) => ({
  name,
  durable: `${name}-durable`,
  stream: 'ORDERS',
  cluster: 'main',
  account: 'APP',
  identity: name,
  object: { apiVersion: 'v1', kind: 'Consumer', metadata: { name } },
}));

function ask({ name }: Consumer) {
  if (name === 'gone') return Promise.reject(new ApiError('NotFound', 'there is no consumer gone'));
  return Promise.resolve({ pending: name === 'a' ? 10 : 20, ackPending: 1 });
}
const at = Date.parse('2026-01-02T03:04:05.678Z');
const api = new ExternalMetrics({
  consumersIn: (namespace) => (namespace === 'shop' ? consumers : []),
  reader: new LagReader(ask, () => at),
});
const answer = (path: string, labelSelector?: string) =>
  api.answer(path, new URLSearchParams(labelSelector === undefined ? {} : { labelSelector }));

describe('discovery', () => {
  test('names the group, its version and both metrics', async () => {
    expect(await answer('/apis')).toMatchObject({
      kind: 'APIGroupList',
      groups: [{ name: 'external.metrics.k8s.io' }],
    });
    expect(await answer('/apis/external.metrics.k8s.io')).toMatchObject({
      kind: 'APIGroup',
      preferredVersion: { version: 'v1beta1' },
    });
    expect(await answer(base)).toMatchObject({
      kind: 'APIResourceList',
      groupVersion: 'external.metrics.k8s.io/v1beta1',
      resources: [
        { name: 'windlass-consumer-lag', namespaced: true, verbs: ['get'] },
        { name: 'windlass-consumer-pending', namespaced: true, verbs: ['get'] },
      ],
    });
  });
});

describe('values', () => {
  test('are one for each consumer that the selector matches', async () => {
    const path = `${base}/namespaces/shop/windlass-consumer-lag`;
    expect(await answer(path, 'stream=ORDERS,consumer in (a,b-durable)')).toEqual({
      kind: 'ExternalMetricValueList',
      apiVersion: 'external.metrics.k8s.io/v1beta1',
      metadata: {},
      items: [
        ['a', '11'],
        ['b', '21'],
      ].map(([consumer, value]) => ({
        metricName: 'windlass-consumer-lag',
        metricLabels: { consumer, stream: 'ORDERS', cluster: 'main', account: 'APP' },
        timestamp: '2026-01-02T03:04:05Z',
        value,
      })),
    });
  });

  test('of pending messages leave out those that are being worked on', async () => {
    const list = await answer(`${base}/namespaces/shop/windlass-consumer-pending`, 'consumer=a');
    expect(list).toMatchObject({ items: [{ value: '10' }] });
  });

  const refused: readonly [string, string, string | undefined, string][] = [
    ['no match', 'namespaces/shop/windlass-consumer-lag', 'consumer=none', 'NotFound'],
    ['another namespace', 'namespaces/other/windlass-consumer-lag', undefined, 'NotFound'],
    ['one consumer that is missing', 'namespaces/shop/windlass-consumer-lag', '', 'NotFound'],
    ['an unknown metric', 'namespaces/shop/windlass-lag', '', 'NotFound'],
    ['a selector that is none', 'namespaces/shop/windlass-consumer-lag', '((', 'BadRequest'],
    ['a path that is none', 'namespaces/%E0%A4/windlass-consumer-lag', '', 'BadRequest'],
    ['a name below a metric', 'namespaces/shop/windlass-consumer-lag/a', '', 'NotFound'],
    ['all namespaces', 'windlass-consumer-lag', '', 'NotFound'],
  ];
  test.each(refused)('are an error and no number for %s', async (_, path, selector, reason) => {
    await expect(answer(`${base}/${path}`, selector)).rejects.toMatchObject({ reason });
  });

  test('are of no other group or version', async () => {
    const others = ['/', '/api', '/apis/other', '/apis/external.metrics.k8s.io/v1', '/openapi/v2'];
    for (const path of others) {
      await expect(answer(path)).rejects.toMatchObject({ reason: 'NotFound', code: 404 });
    }
  });
});

test('a refusal is a Status of Kubernetes', () => {
  expect(statusOf(new ApiError('Timeout', 'late'))).toEqual({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: 'late',
    reason: 'Timeout',
    code: 504,
  });
});
