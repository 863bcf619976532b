import { describe, expect, test } from '@jest/globals';
import type { Facts } from './facts.ts';
import { specWith, statefulSetFacts, stream, wellFacts } from './testing/facts.ts';
import { versionSkew } from './version-skew.ts';

const change = (from: string, version: string): Partial<Facts> => ({
  statefulSet: statefulSetFacts({ annotations: { 'windlass.dev/version': from } }),
  spec: specWith({ version }),
});
const needs = (requiredLevel: number) => ({ assets: [stream([0], { requiredLevel })] });

const cases: Readonly<Record<string, readonly [Partial<Facts>, string, string | undefined]>> = {
  'takes any version for a new cluster': [
    { statefulSet: undefined, spec: specWith({ version: '2.12.4' }) },
    '2.12.4',
    undefined,
  ],
  'goes to a newer patch': [change('2.15.1', '2.15.3'), '2.15.3', undefined],
  'goes to an older patch': [change('2.15.3', '2.15.1'), '2.15.1', undefined],
  'goes to the next minor version, though a number was skipped': [
    change('2.12.4', '2.14.0'),
    '2.14.0',
    undefined,
  ],
  'goes to a minor version that it does not know yet': [
    change('2.15.1', '2.16.0'),
    '2.16.0',
    undefined,
  ],
  'refuses to skip a minor version': [change('2.12.4', '2.15.1'), '2.12.4', 'MinorVersionSkipped'],
  'refuses to go back by two': [change('2.15.1', '2.12.4'), '2.15.1', 'MinorVersionSkipped'],
  'refuses another major version': [change('2.15.1', '3.0.0'), '2.15.1', 'MinorVersionSkipped'],
  'goes back by one when nothing needs more': [
    { ...change('2.15.1', '2.14.5'), ...needs(4) },
    '2.14.5',
    undefined,
  ],
  'refuses to go below what a stream needs': [
    { ...change('2.15.1', '2.14.5'), ...needs(5) },
    '2.15.1',
    'StreamsNeedNewerVersion',
  ],
  'refuses to go back before all servers have said what they need': [
    { ...change('2.15.1', '2.14.5'), servers: [] },
    '2.15.1',
    'NotAllServersAnswer',
  ],
  'goes forward although servers are away': [
    { ...change('2.14.5', '2.15.1'), servers: [] },
    '2.15.1',
    undefined,
  ],
};

describe('a change of version', () => {
  test.each(Object.entries(cases))('%s', (_, [over, version, reason]) => {
    const decision = versionSkew(wellFacts(3, over));
    expect({ version: decision.version, reason: decision.refusal?.reason }).toEqual({
      version,
      reason,
    });
  });

  test('names the version in between', () => {
    const { refusal } = versionSkew(wellFacts(3, change('2.12.4', '2.15.1')));
    expect(refusal?.message).toContain('Go through 2.14 first.');
  });
});
