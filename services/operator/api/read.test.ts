import { describe, expect, test } from '@jest/globals';
import { ReconcileError } from '../control/kind.ts';
import { pod, secret } from './core.ts';
import { objectOf, specOf, statusOf } from './read.ts';
import { streamSpec, streamStatus } from './stream.ts';

const object = { apiVersion: 'v1', kind: 'Stream', metadata: { name: 'a', namespace: 'b' } };

function failureOf(attempt: () => unknown): unknown {
  try {
    return attempt();
  } catch (error) {
    return error;
  }
}

describe('what is read of an object', () => {
  test('is the spec with its defaults', () => {
    const spec = specOf(streamSpec, { ...object, spec: { name: 'a' } });
    expect(spec).toMatchObject({ name: 'a', retention: 'limits', deletionPolicy: 'Retain' });
  });

  test('is nothing that no repetition helps when the spec does not fit', () => {
    const broken = { ...object, spec: { name: 'a', replicas: 'a secret' } };
    const error = failureOf(() => specOf(streamSpec, broken));
    expect(error).toBeInstanceOf(ReconcileError);
    expect(error).toMatchObject({
      reason: 'InvalidSpec',
      isStalled: true,
      message: 'The spec does not fit its schema: replicas is wrong (invalid_type).',
    });
  });

  test('is an empty status when there is none, or a broken one', () => {
    expect(statusOf(streamStatus, object)).toEqual({ conditions: [] });
    expect(statusOf(streamStatus, { ...object, status: { conditions: 3 } })).toEqual({
      conditions: [],
    });
  });

  test('is a Secret with its values decoded, and an error that does not name them', () => {
    const metadata = { name: 'a', namespace: 'b', uid: 'c' };
    const data = { seed: Buffer.from('hidden').toString('base64') };
    const good = { apiVersion: 'v1', kind: 'Secret', metadata, data };
    expect(objectOf(secret, good).data.seed?.toString()).toBe('hidden');
    const bad = { ...good, data: { seed: 'hidden!' } };
    expect(failureOf(() => objectOf(secret, bad))).toMatchObject({
      reason: 'UnreadableObject',
      isStalled: false,
      message: 'Secret b/a cannot be read: data.seed is wrong (invalid_format).',
    });
  });

  test('is a Pod that nobody has scheduled', () => {
    const fresh = { ...object, kind: 'Pod', metadata: { name: 'a', uid: 'c' } };
    expect(objectOf(pod, fresh)).toMatchObject({
      metadata: { labels: {} },
      status: { phase: 'Pending', conditions: [], containerStatuses: [] },
    });
  });
});
