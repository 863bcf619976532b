import { describe, expect, test } from '@jest/globals';
import { dated, storedConditions, verdictConditions } from './conditions.ts';
import type { KubeObject, StoredCondition } from './objects.ts';

const now = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
const stored: StoredCondition = {
  type: 'Ready',
  status: 'True',
  reason: 'Created',
  message: 'It is there.',
  observedGeneration: 1,
  lastTransitionTime: '2026-01-01T00:00:00Z',
};

describe('a verdict', () => {
  test.each([
    ['ready', 'True Created', 'False Converged', 'False Converged'],
    ['progressing', 'False Created', 'True Created', 'False Progressing'],
    ['stalled', 'False Created', 'False Stalled', 'True Created'],
  ] as const)('of %s becomes three conditions', (phase, ready, reconciling, stalled) => {
    const conditions = verdictConditions({ phase, reason: 'Created', message: 'any' });
    expect(conditions.map(({ type, status, reason }) => `${type} ${status} ${reason}`)).toEqual([
      `Ready ${ready}`,
      `Reconciling ${reconciling}`,
      `Stalled ${stalled}`,
    ]);
  });
});

describe('the time of a condition', () => {
  const cases: Readonly<Record<string, readonly [Partial<StoredCondition>, string]>> = {
    'stays when nothing changes': [{}, stored.lastTransitionTime],
    'stays when only the reason changes': [{ reason: 'Other' }, stored.lastTransitionTime],
    'stays when only the message changes': [{ message: 'Other.' }, stored.lastTransitionTime],
    'moves with the status': [{ status: 'False' }, '2026-01-02T03:04:05Z'],
    'is now when it is new': [{ type: 'Available' }, '2026-01-02T03:04:05Z'],
  };
  test.each(Object.entries(cases))('%s', (_, [change, time]) => {
    const [condition] = dated([{ ...stored, ...change }], [stored], 7, now);
    expect(condition).toEqual({
      ...stored,
      ...change,
      observedGeneration: 7,
      lastTransitionTime: time,
    });
  });
});

test('what is no condition is not read as one', () => {
  const object = (conditions: unknown): KubeObject => ({
    apiVersion: 'v1',
    kind: 'Any',
    metadata: { name: 'any' },
    status: { conditions },
  });
  expect(storedConditions(object([stored, { type: 'Odd' }, 3, null]))).toEqual([stored]);
  expect(storedConditions(object('none'))).toEqual([]);
  expect(storedConditions({ ...object([]), status: null })).toEqual([]);
});
