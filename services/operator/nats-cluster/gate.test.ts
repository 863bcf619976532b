import { describe, expect, test } from '@jest/globals';
import { blockers, type GateFacts } from './gate.ts';
import { peer, podFacts, serverFacts, stream, wellFacts } from './testing/facts.ts';

const well = wellFacts();
const meta = (over: object) => ({
  leader: 'c-0',
  size: 3,
  peers: [peer('c-1'), peer('c-2')],
  ...over,
});
const leading = (over: object) => [
  serverFacts(0, 3, { meta: meta(over) }),
  serverFacts(1),
  serverFacts(2),
];

const cases: Readonly<Record<string, readonly [Partial<GateFacts>, readonly string[]]>> = {
  'lets a server stop when all is well': [{}, []],
  'lets it stop beside streams that are current everywhere': [
    { assets: [stream([0, 1, 2]), stream([1])] },
    [],
  ],
  'waits for a pod that is missing': [{ pods: [podFacts(0), podFacts(1)] }, ['c-2 has no pod']],
  'waits for a pod that is stopping, although it is still ready': [
    { pods: [podFacts(0), podFacts(1), podFacts(2, { isTerminating: true })] },
    ['c-2 is stopping'],
  ],
  'waits for a pod that is not ready': [
    { pods: [podFacts(0), podFacts(1, { isReady: false }), podFacts(2)] },
    ['c-1 is not ready'],
  ],
  'waits when no server answers, and says why': [
    { servers: [], assets: [], unreachable: 'refused' },
    ['refused'],
  ],
  'waits for a server that is ready and does not answer': [
    { servers: [serverFacts(0), serverFacts(1)] },
    ['c-2 does not answer'],
  ],
  'waits for a server whose own check complains': [
    {
      servers: [
        serverFacts(0),
        serverFacts(1),
        serverFacts(2, 3, { complaints: [{ asset: 'APP/ORDERS', text: 'write error' }] }),
      ],
    },
    ['c-2: APP/ORDERS: write error'],
  ],
  'waits for a server without JetStream': [
    { servers: [serverFacts(0), serverFacts(1), serverFacts(2, 3, { isJetStreamOn: false })] },
    ['c-2 has no JetStream'],
  ],
  'waits when a file store is nearly full': [
    { servers: [serverFacts(0, 3, { storageBytes: 900 }), serverFacts(1), serverFacts(2)] },
    ['the file store of c-0 is 90 % full'],
  ],
  'waits for a route': [
    { servers: [serverFacts(0), serverFacts(1, 3, { routes: ['c-0'] }), serverFacts(2)] },
    ['c-1 has no route to c-2'],
  ],
  'waits for a leader of the meta group': [
    { servers: [0, 1, 2].map((each) => serverFacts(each, 3, { meta: meta({ leader: '' }) })) },
    ['the meta group has no leader'],
  ],
  'waits while a ghost still counts for the quorum': [
    { servers: leading({ size: 4 }) },
    ['the meta group has 4 of 3 servers'],
  ],
  'waits for a server that is behind in the meta group': [
    { servers: leading({ peers: [peer('c-1'), peer('c-2', { current: false, lag: 3 })] }) },
    ['c-2 is behind in the meta group'],
  ],
  'waits for a stream without a leader': [
    { assets: [stream([0, 1, 2], { leader: undefined, peers: [] })] },
    ['APP/ORDERS has no leader'],
  ],
  'waits for a replica that is off line': [
    { assets: [stream([0, 1, 2], { peers: [peer('c-1'), peer('c-2', { offline: true })] })] },
    ['APP/ORDERS is behind on c-2'],
  ],
  'waits for a replica that lags': [
    { assets: [stream([0, 1, 2], { peers: [peer('c-1', { lag: 1 }), peer('c-2')] })] },
    ['APP/ORDERS is behind on c-1'],
  ],
  'waits for a replica of which its leader has not heard for seconds': [
    { assets: [stream([0, 1, 2], { peers: [peer('c-1'), peer('c-2', { active: 5e9 })] })] },
    ['APP/ORDERS is behind on c-2'],
  ],
  'waits for a group that lost a peer and calls itself well': [
    { assets: [stream([0, 1], { replicas: 3 })] },
    ['APP/ORDERS has 1 of 3 replicas too few'],
  ],
  'waits for a stream that is moving': [
    { assets: [stream([0, 1, 2], { isMoving: true })] },
    ['APP/ORDERS is moving'],
  ],
};

describe('the gate before a server is stopped', () => {
  test.each(Object.entries(cases))('%s', (_, [over, expected]) => {
    expect(blockers({ ...well, ...over }, { servers: 3, maxLag: 0 })).toEqual(expected);
  });

  test('allows the lag that the spec allows', () => {
    const assets = [
      stream([0, 1, 2], { peers: [peer('c-1', { lag: 5, current: false }), peer('c-2')] }),
    ];
    expect(blockers({ ...well, assets }, { servers: 3, maxLag: 5 })).toEqual([]);
  });

  test('leaves out what is quarantined, with its consumers', () => {
    const complaints = [{ asset: 'APP/ORDERS/worker', text: 'monitor goroutine not running' }];
    const servers = [serverFacts(0, 3, { complaints }), serverFacts(1), serverFacts(2)];
    const assets = [stream([0, 1, 2], { consumer: 'worker', leader: undefined })];
    const options = { servers: 3, maxLag: 0, quarantined: ['APP/ORDERS'] };
    expect(blockers({ ...well, servers, assets }, options)).toEqual([]);
  });

  test('asks nothing of a server that is to be replaced, but that it does not lead', () => {
    const facts = {
      ...well,
      pods: [podFacts(0), podFacts(1)],
      servers: [serverFacts(0), serverFacts(1)],
    };
    expect(blockers(facts, { servers: 3, maxLag: 0, without: 'c-2' })).toEqual([]);
    expect(blockers(well, { servers: 3, maxLag: 0, without: 'c-0' })).toEqual([
      'c-0 leads the meta group',
    ]);
  });

  test('names sixteen reasons and counts the others', () => {
    const assets = Array.from({ length: 20 }, () => stream([0], { isMoving: true }));
    const reasons = blockers({ ...well, assets }, { servers: 3, maxLag: 0 });
    expect(reasons).toHaveLength(17);
    expect(reasons.at(-1)).toBe('and 4 more');
  });
});
