import { expect, test } from '@jest/globals';
import { Transcript } from './transcript.ts';

function transcript(strict = false) {
  const lines: string[] = [];
  const written = new Transcript((line) => lines.push(line.replace(/^ *\d+ s {2}/, '')), strict);
  return { written, lines };
}

test('counts what passed, failed and was skipped, and tells why', async () => {
  const { written, lines } = transcript();
  expect(written.isGreen).toBe(false);
  expect(await written.check('a rule', async () => '3 ms')).toBe(true);
  expect(written.isGreen).toBe(true);
  const broken = async () => {
    throw new Error('not in time', { cause: new Error('it is not so') });
  };
  expect(await written.check('another rule', broken)).toBe(false);
  written.skip('a third rule', 'there is no cluster');
  expect([written.isGreen, written.hasFailed]).toEqual([false, true]);
  expect(written.totals()).toBe('1 passed, 1 failed, 1 skipped; 0 figures reached, 0 missed');
  expect(lines).toEqual([
    'passed: a rule: 3 ms',
    'FAILED: another rule: not in time (it is not so)',
    'skipped: a third rule: there is no cluster',
  ]);
});

test.each([
  [false, true],
  [true, false],
])('when strict is %s, a run with a missed figure is green: %s', async (strict, isGreen) => {
  const { written, lines } = transcript(strict);
  await written.check('a rule', async () => '');
  written.figure('soon', true, '3 ms, at most 5');
  expect(written.isGreen).toBe(true);
  written.figure('sooner', false, '3 ms, at most 2');
  expect(written.isGreen).toBe(isGreen);
  expect(written.totals()).toBe('1 passed, 0 failed, 0 skipped; 1 figures reached, 1 missed');
  expect(lines.slice(1)).toEqual([
    'reached: soon: 3 ms, at most 5',
    'MISSED: sooner: 3 ms, at most 2',
  ]);
});

test('what was not tried is no failure, and alone it is not green', async () => {
  const { written } = transcript();
  written.skip('a rule', 'there is no cluster');
  expect([written.isGreen, written.hasFailed]).toEqual([false, false]);
  await written.check('another', async () => '');
  expect([written.isGreen, written.hasFailed]).toEqual([true, false]);
});
