import { describe, expect, test } from '@jest/globals';
import type { KubeObject } from '../control/objects.ts';
import type { Facts } from './facts.ts';
import { askedVictim, replacement } from './lost-volume.ts';
import {
  claimFacts,
  peer,
  podFacts,
  remembered,
  serverFacts,
  stream,
  wellFacts,
} from './testing/facts.ts';

const asked = { 'windlass.dev/replace-node': 'c-2' };
const service = (replacing?: string): Facts['live'] => {
  const object: KubeObject = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: 'c-headless',
      annotations: replacing === undefined ? {} : { 'windlass.dev/replacing': replacing },
    },
  };
  return new Map([['Service/c-headless', object]]);
};
const noted = { annotations: asked, live: service('c-2/claim-2') };
const lost = { claims: [claimFacts(0), claimFacts(1), claimFacts(2, { isLost: true })] };
const without2 = {
  pods: [podFacts(0), podFacts(1), podFacts(2, { isReady: false })],
  servers: [serverFacts(0), serverFacts(1)],
};

/** What differs, what is done, and what is waited for. */
type Case = readonly [Partial<Facts>, readonly string[], readonly string[]];
const cases: Readonly<Record<string, Case>> = {
  'leaves volumes alone': [{}, [], []],
  'notes which volume is meant before it does anything': [
    { annotations: asked, live: service() },
    [],
    [],
  ],
  'then deletes the volume and stops the server': [
    noted,
    ['deleteClaim data-c-2 claim-2', 'evict c-2'],
    [],
  ],
  'does it once for one request': [
    { annotations: asked, live: service('c-2/claim-before') },
    [],
    [],
  ],
  'waits for a replica elsewhere that is behind': [
    {
      ...noted,
      assets: [stream([0, 1, 2], { peers: [peer('c-1', { lag: 3 }), peer('c-2')] })],
    },
    [],
    ['APP/ORDERS is behind on c-1'],
  ],
  'does not wait for the replica that is replaced': [
    {
      ...noted,
      ...without2,
      assets: [stream([0, 1, 2], { peers: [peer('c-1'), peer('c-2', { offline: true })] })],
    },
    ['deleteClaim data-c-2 claim-2', 'evict c-2'],
    [],
  ],
  'moves only replicas away first': [
    { ...noted, assets: [stream([2])] },
    ['moveStream ORDERS'],
    ['1 streams have their only replica on c-2'],
  ],
  'lets the leader of the meta group hand over first': [
    {
      annotations: { 'windlass.dev/replace-node': 'c-0' },
      live: service('c-0/claim-0'),
    },
    ['stepDown'],
    [],
  ],
  'waits until all has been well for long enough': [
    { ...noted, memory: remembered() },
    [],
    ['all has been well for too short a time'],
  ],
  'replaces a volume that is lost without being asked': [
    { ...lost, ...without2, memory: remembered() },
    ['deleteClaim data-c-2 claim-2', 'evict c-2'],
    [],
  ],
  'waits with a lost volume while another server is away as well': [
    { ...lost, pods: [podFacts(0), podFacts(1, { isReady: false })], servers: without2.servers },
    [],
    ['c-1 is not ready'],
  ],
};

describe('the replacement of a volume', () => {
  test.each(Object.entries(cases))('%s', (_, [over, done, blockedBy]) => {
    const decision = replacement(wellFacts(3, over));
    expect(decision.blockedBy).toEqual(blockedBy);
    expect(
      decision.actions.map((action) => {
        if (action.do === 'deleteClaim') return `deleteClaim ${action.name} ${action.uid}`;
        if (action.do === 'evict') return `evict ${action.pod}`;
        return action.do === 'moveStream' ? `moveStream ${action.stream}` : action.do;
      }),
    ).toEqual(done);
  });

  test('is refused where there is only one copy', () => {
    const facts = wellFacts(1, { claims: [claimFacts(0, { isLost: true })] });
    expect(replacement(facts)).toMatchObject({ refusal: { reason: 'OnlyCopy' }, actions: [] });
  });

  test('is remembered as long as it is asked for', () => {
    expect(replacement(wellFacts(3, { annotations: asked })).replacing).toBe('c-2/claim-2');
    expect(replacement(wellFacts(3, noted)).replacing).toBe('c-2/claim-2');
    expect(replacement(wellFacts(3, { live: service('c-2/claim-2') })).replacing).toBeUndefined();
  });

  test('leaves its server out of the gate until the volume is another one', () => {
    expect(askedVictim(wellFacts(3, noted))).toBe('c-2');
    const done = { annotations: asked, live: service('c-2/claim-before') };
    expect(askedVictim(wellFacts(3, done))).toBeUndefined();
  });
});
