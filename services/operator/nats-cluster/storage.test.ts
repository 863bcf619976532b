import { describe, expect, test } from '@jest/globals';
import type { Facts } from './facts.ts';
import { storage } from './storage.ts';
import { claimFacts, specWith, statefulSetFacts, wellFacts } from './testing/facts.ts';

const gi = 2 ** 30;
const larger = { spec: specWith({ storage: { size: '20Gi' } }) };
const grown = [0, 1, 2].map((each) =>
  claimFacts(each, { requestBytes: 20 * gi, capacityBytes: 20 * gi }),
);

const cases: Readonly<Record<string, readonly [Partial<Facts>, number, readonly string[]]>> = {
  'leaves volumes of the right size alone': [{}, 10, []],
  'takes the wanted size before there are volumes': [{ claims: [] }, 10, []],
  'asks for larger volumes': [larger, 10, ['growClaim', 'growClaim', 'growClaim']],
  'uses the room only when the smallest volume has it': [
    {
      ...larger,
      claims: [...grown.slice(1), claimFacts(0, { requestBytes: 20 * gi })],
      statefulSet: statefulSetFacts({ claimSize: '20Gi' }),
    },
    10,
    [],
  ],
  'makes the StatefulSet anew when all volumes are larger': [
    { ...larger, claims: grown },
    20,
    ['orphanStatefulSet'],
  ],
  'waits for the old StatefulSet to go': [
    { ...larger, claims: grown, statefulSet: statefulSetFacts({ isTerminating: true }) },
    20,
    [],
  ],
  'does not look at volumes that are lost': [
    { ...larger, claims: [...grown, claimFacts(3, { isLost: true })] },
    20,
    ['orphanStatefulSet'],
  ],
};

describe('the size of the volumes', () => {
  test.each(Object.entries(cases))('%s', (_, [over, size, done]) => {
    const decision = storage(wellFacts(3, over));
    expect(decision.volumeBytes).toBe(size * gi);
    expect(decision.actions.map((action) => action.do)).toEqual(done);
  });
});
