import { describe, expect, test } from '@jest/globals';
import { failureOf } from './failure.ts';
import { ReconcileError } from './kind.ts';
import { KubeError, LostLeadership } from './kube-error.ts';

const going = new AbortController().signal;
const kube = (status: number, reason: string, more: object = {}) =>
  new KubeError('what it says', { status, reason, ...more });
const failed = (reason: string, more: object = {}) => ({
  outcome: 'failed',
  reason,
  message: 'what it says',
  isStalled: false,
  afterMs: undefined,
  ...more,
});

describe('an error', () => {
  const cases: Readonly<Record<string, readonly [unknown, object]>> = {
    'of the fence ends it': [new LostLeadership(), { outcome: 'ended' }],
    'of a busy API server comes back when that says so': [
      kube(429, 'TooManyRequests', { retryAfterMs: 3_000 }),
      { outcome: 'later', afterMs: 3_000 },
    ],
    'of an API server that is away comes back': [
      kube(0, 'Unreachable'),
      { outcome: 'later', afterMs: undefined },
    ],
    'about a changed object comes back': [
      kube(409, 'Conflict'),
      { outcome: 'later', afterMs: undefined },
    ],
    'about something refused has its reason': [kube(422, 'Invalid'), failed('Invalid')],
    'about an ending namespace says so': [
      kube(403, 'Forbidden', { causes: ['NamespaceTerminating'] }),
      failed('NamespaceTerminating'),
    ],
    'with a name of its own has that': [
      new ReconcileError('NATSUnreachable', 'what it says', { retryAfterMs: 5 }),
      failed('NATSUnreachable', { afterMs: 5 }),
    ],
    'that no repetition helps is stalled': [
      new ReconcileError('Refused', 'what it says', { isStalled: true }),
      failed('Refused', { isStalled: true }),
    ],
    'that nobody expected is internal': [new Error('what it says'), failed('InternalError')],
    'does not show passwords': [
      new ReconcileError('Any', 'at nats://me:secret@host'),
      failed('Any', { message: 'at nats://me:[secret]@host' }),
    ],
  };
  test.each(Object.entries(cases))('%s', (_, [error, expected]) => {
    expect(failureOf(error, going)).toEqual(expected);
  });

  test('of a process that stops says nothing about the object', () => {
    expect(failureOf(new Error('any'), AbortSignal.abort())).toEqual({ outcome: 'ended' });
  });
});
