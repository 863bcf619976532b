import { expect, test } from '@jest/globals';
import { Transcript } from './transcript.ts';

test('counts what passed, failed and was skipped, and tells why', async () => {
  const lines: string[] = [];
  const transcript = new Transcript((line) => lines.push(line));
  expect(transcript.isGreen).toBe(false);
  expect(await transcript.check('a rule', async () => '3 ms')).toBe(true);
  expect(transcript.isGreen).toBe(true);
  const broken = async () => {
    throw new Error('it is not so');
  };
  expect(await transcript.check('another rule', broken)).toBe(false);
  transcript.skip('a third rule', 'there is no cluster');
  expect(transcript.isGreen).toBe(false);
  expect(transcript.totals()).toBe('1 passed, 1 failed, 1 skipped');
  expect(lines.map((line) => line.replace(/^ *\d+ s {2}/, ''))).toEqual([
    'passed: a rule: 3 ms',
    'FAILED: another rule: it is not so',
    'skipped: a third rule: there is no cluster',
  ]);
});
