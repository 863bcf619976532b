import { describe, expect, test } from '@jest/globals';
import type { Facts } from './facts.ts';
import { reload, type Target } from './reload.ts';
import { nowMs, podFacts, remembered, serverFacts, wellFacts } from './testing/facts.ts';

const target: Target = {
  digest: 'digest',
  startConfig: 'start',
  certificateNotAfterMs: nowMs + 86_400_000,
};
const behind = (over: object) => [serverFacts(0), serverFacts(1, 3, over), serverFacts(2)];
const refusing = (why: string) => remembered({ refusedReloads: new Map([['id-1 digest', why]]) });

const cases: Readonly<Record<string, readonly [Partial<Facts>, readonly string[]]>> = {
  'asks nothing of servers that run the configuration': [{}, []],
  'asks a server that runs another one': [{ servers: behind({ config: 'before' }) }, ['c-1']],
  'asks a server that says nothing of its configuration': [
    { servers: behind({ config: undefined }) },
    ['c-1'],
  ],
  'asks a server with another certificate than that of the Secret': [
    { servers: behind({ certificateNotAfterMs: nowMs }) },
    ['c-1'],
  ],
  'is content with a certificate that ends in the same second': [
    { servers: behind({ certificateNotAfterMs: nowMs + 86_400_400 }) },
    [],
  ],
  'gives the kubelet two seconds before it asks again': [
    {
      servers: behind({ config: 'before' }),
      memory: remembered({ reloadedAtMs: new Map([['id-1', nowMs - 1_000]]) }),
    },
    [],
  ],
  'asks again after that': [
    {
      servers: behind({ config: 'before' }),
      memory: remembered({ reloadedAtMs: new Map([['id-1', nowMs - 2_000]]) }),
    },
    ['c-1'],
  ],
  'leaves a server to the roll that needs a restart': [
    {
      servers: behind({ config: 'before' }),
      pods: [podFacts(0), podFacts(1, { startConfig: 'before' }), podFacts(2)],
    },
    [],
  ],
  'leaves a server alone that stops': [
    {
      servers: behind({ config: 'before' }),
      pods: [podFacts(0), podFacts(1, { isTerminating: true }), podFacts(2)],
    },
    [],
  ],
  'does not ask again what was refused': [
    { servers: behind({ config: 'before' }), memory: refusing('unknown field') },
    [],
  ],
  'asks again after a while, for a file may have been away only for a moment': [
    {
      servers: behind({ config: 'before' }),
      nowMs: 40_000,
      memory: remembered({
        refusedReloads: new Map([['id-1 digest', 'no such file']]),
        reloadedAtMs: new Map([['id-1', 10_000]]),
      }),
    },
    ['c-1'],
  ],
};

describe('a reload', () => {
  test.each(Object.entries(cases))('%s', (_, [over, asked]) => {
    const { actions } = reload(wellFacts(3, over), target);
    expect(actions.map((action) => (action.do === 'reload' ? action.server : action.do))).toEqual(
      asked,
    );
  });

  test('is a problem when the server calls the configuration wrong', () => {
    const servers = behind({ config: 'before' });
    const facts = wellFacts(3, { servers, memory: refusing('unknown field "x"') });
    expect(reload(facts, target).refusal).toEqual({
      reason: 'ConfigurationRefused',
      message: 'c-1 refuses its configuration: unknown field "x"',
    });
  });

  test('is no problem when a restart will do', () => {
    const servers = behind({ config: 'before' });
    const memory = refusing('config reload not supported for decreasing jetstream max store');
    expect(reload(wellFacts(3, { servers, memory }), target).refusal).toBeUndefined();
  });
});
