import { describe, expect, test } from '@jest/globals';
import { commonConfig, commonVersion, members } from './members.ts';
import { peer, podFacts, serverFacts, wellFacts } from './testing/facts.ts';

describe('the members of a cluster', () => {
  test('are as the leader of the meta group sees them', () => {
    const meta = {
      leader: 'c-0',
      size: 3,
      peers: [peer('c-1'), peer('c-2', { current: false, lag: 7 })],
    };
    const facts = wellFacts(3, {
      servers: [serverFacts(0, 3, { meta }), serverFacts(1), serverFacts(2)],
    });
    expect(members(facts, 3)).toMatchObject([
      { name: 'c-0', current: true, lag: 0, address: '127.0.0.1:4222' },
      { name: 'c-1', current: true, lag: 0 },
      { name: 'c-2', current: false, lag: 7, serverId: 'id-2' },
    ]);
  });

  test('are listed before they are there, and until they are gone', () => {
    const facts = wellFacts(3, { pods: [podFacts(0), podFacts(4, { isTerminating: true })] });
    expect(members(facts, 3).map(({ name, ready }) => `${name} ${ready}`)).toEqual([
      'c-0 true',
      'c-1 false',
      'c-2 false',
      'c-4 false',
    ]);
  });

  test('have a version and a configuration together only when all have the same', () => {
    expect(commonVersion(wellFacts())).toBe('2.15.1');
    expect(commonConfig(wellFacts())).toBe('digest');
    const servers = [serverFacts(0), serverFacts(1, 3, { version: '2.14.5', config: 'other' })];
    expect(commonVersion(wellFacts(3, { servers }))).toBeUndefined();
    expect(commonConfig(wellFacts(3, { servers }))).toBeUndefined();
  });
});
