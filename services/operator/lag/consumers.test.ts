import { describe, expect, test } from '@jest/globals';
import { type Consumer, distinct, labelsOf, metrics, shownLabels } from './consumers.ts';

const consumer: Consumer = {
  name: 'worker',
  stream: 'ORDERS',
  durable: 'orders-worker',
  cluster: 'main',
  account: undefined,
  identity: 'one',
  object: { apiVersion: 'v1', kind: 'Consumer', metadata: { name: 'worker' } },
};

test('lag is what is not delivered and what is not acknowledged; pending only the first', () => {
  const counts = { pending: 40, ackPending: 2 };
  expect([...metrics].map(([name, count]) => [name, count(counts)])).toEqual([
    ['windlass-consumer-lag', 42],
    ['windlass-consumer-pending', 40],
  ]);
});

describe('labels', () => {
  test('find a consumer by the name of its object and by its durable', () => {
    expect(labelsOf(consumer).consumer).toEqual(['worker', 'orders-worker']);
    expect(labelsOf({ ...consumer, durable: 'worker' }).consumer).toEqual(['worker']);
  });

  test('leave out what an object does not say', () => {
    expect(labelsOf(consumer)).toMatchObject({ cluster: ['main'], account: [] });
    expect(shownLabels(consumer)).toEqual({
      consumer: 'worker',
      stream: 'ORDERS',
      cluster: 'main',
    });
  });
});

test('two objects that mean the same consumer count once', () => {
  const twin = { ...consumer, name: 'twin' };
  const other = { ...consumer, name: 'other', identity: 'two' };
  expect(distinct([consumer, twin, other])).toEqual([consumer, other]);
});
