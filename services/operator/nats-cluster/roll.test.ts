import { describe, expect, test } from '@jest/globals';
import { natsClusterStatus } from '../api/nats-cluster-status.ts';
import type { Facts } from './facts.ts';
import { needsRestart, roll } from './roll.ts';
import {
  nowMs,
  peer,
  podFacts,
  remembered,
  serverFacts,
  specWith,
  statefulSetFacts,
  stream,
  wellFacts,
} from './testing/facts.ts';

const old = { revision: 'old' };
const allOld = [podFacts(0, old), podFacts(1, old), podFacts(2, old)];
const wait = remembered({ wellSinceMs: nowMs - 1_000 });

/** Facts that differ, the step, the victim, and what is done. */
type Case = readonly [Partial<Facts>, string | undefined, string | undefined, readonly string[]];
const cases: Readonly<Record<string, Case>> = {
  'does nothing when all pods are new': [{}, undefined, undefined, []],
  'does nothing before the revision is known': [
    { pods: allOld, statefulSet: statefulSetFacts({ updateRevision: undefined }) },
    undefined,
    undefined,
    [],
  ],
  'begins with the follower of the highest ordinal': [
    { pods: allOld },
    'Stopping',
    'c-2',
    ['evict c-2'],
  ],
  'goes on with the next follower': [
    { pods: [podFacts(0, old), podFacts(1, old), podFacts(2)] },
    'Stopping',
    'c-1',
    ['evict c-1'],
  ],
  'lets the leader hand over when it is the last': [
    { pods: [podFacts(0, old), podFacts(1), podFacts(2)] },
    'StepDown',
    'c-0',
    ['stepDown c-1'],
  ],
  'waits until all has been well for long enough': [
    { pods: allOld, memory: wait },
    'Waiting',
    'c-2',
    [],
  ],
  'waits when nothing has been read twice': [
    { pods: allOld, memory: remembered() },
    'Waiting',
    'c-2',
    [],
  ],
  'waits for a stream that catches up': [
    {
      pods: allOld,
      assets: [stream([0, 1, 2], { peers: [peer('c-1'), peer('c-2', { lag: 9 })] })],
    },
    'Waiting',
    'c-2',
    [],
  ],
  'names the server that was stopped as long as it is away': [
    { pods: [podFacts(0, old), podFacts(1, old), podFacts(2, { isTerminating: true })] },
    'Waiting',
    'c-2',
    [],
  ],
  'stops a single server without a hand-over': [
    {
      ...wellFacts(1),
      pods: [podFacts(0, old)],
    },
    'Stopping',
    'c-0',
    ['evict c-0'],
  ],
  'replaces at once what serves nobody, even without a quorum': [
    {
      pods: [0, 1, 2].map((each) =>
        podFacts(each, { ...old, isReady: false, waiting: 'CrashLoopBackOff' }),
      ),
      servers: [],
      memory: remembered(),
    },
    'Replacing',
    'c-0',
    ['evict c-0', 'evict c-1', 'evict c-2'],
  ],
  'does not replace a server that still starts': [
    {
      pods: [podFacts(0), podFacts(1), podFacts(2, { ...old, isReady: false, createdMs: nowMs })],
      servers: [serverFacts(0), serverFacts(1)],
    },
    'Waiting',
    'c-2',
    [],
  ],
  'waits for an approval when it is supervised': [
    { pods: allOld, spec: specWith({ update: { strategy: 'Supervised' } }) },
    'Approval',
    undefined,
    [],
  ],
  'goes on when this revision is approved': [
    {
      pods: allOld,
      spec: specWith({ update: { strategy: 'Supervised' } }),
      annotations: { 'windlass.dev/roll-approved': 'new' },
    },
    'Stopping',
    'c-2',
    ['evict c-2'],
  ],
  'restarts a server that cannot load its configuration while it runs': [
    {
      servers: [serverFacts(0), serverFacts(1, 3, { config: 'before' }), serverFacts(2)],
      memory: remembered({
        wellSinceMs: 0,
        refusedReloads: new Map([['id-1 digest', 'config reload not supported for jetstream']]),
      }),
    },
    'Stopping',
    'c-1',
    ['evict c-1'],
  ],
  'restarts nothing for a configuration that is wrong': [
    {
      servers: [serverFacts(0), serverFacts(1, 3, { config: 'before' }), serverFacts(2)],
      memory: remembered({
        wellSinceMs: 0,
        refusedReloads: new Map([['id-1 digest', 'unknown field "jetsteam"']]),
      }),
    },
    undefined,
    undefined,
    [],
  ],
  'is done only when the last server is well again': [
    {
      status: natsClusterStatus.parse({ rollout: { step: 'Stopping', victim: 'c-0' } }),
      servers: [serverFacts(0, 3, { routes: [] }), serverFacts(1), serverFacts(2)],
    },
    'Settling',
    'c-0',
    [],
  ],
};

describe('a roll', () => {
  test.each(Object.entries(cases))('%s', (_, [over, step, victim, done]) => {
    const { rollout, actions } = roll(wellFacts(3, over), 'digest');
    expect(rollout?.step).toBe(step);
    expect(rollout?.victim).toBe(victim);
    expect(
      actions.map((action) =>
        action.do === 'evict'
          ? `evict ${action.pod}`
          : `${action.do} ${action.do === 'stepDown' ? action.preferred : ''}`,
      ),
    ).toEqual(done);
  });

  test('times out when the same server waits for too long', () => {
    const startedAt = new Date(nowMs - 901_000).toISOString();
    const status = natsClusterStatus.parse({
      rollout: { step: 'Waiting', victim: 'c-2', revision: 'new', startedAt },
    });
    const facts = wellFacts(3, { pods: allOld, memory: wait, status });
    expect(roll(facts, 'digest')).toMatchObject({ hasTimedOut: true, rollout: { startedAt } });
  });

  test.each([
    ['config reload not supported for Cluster: old=a, new=b', true],
    ['config reload does not support moving to or from an account resolver', true],
    ['nats.conf:3:1: unknown field "jetsteam"', false],
  ])('needs a restart after %j: %p', (refusal, expected) => {
    expect(needsRestart(refusal)).toBe(expected);
  });
});
