import { expect, test } from '@jest/globals';
import { mostInAMinute } from './quiet.ts';

test.each<[rule: string, seconds: readonly number[], most: number]>([
  ['no write', [], 0],
  ['one write', [5], 1],
  ['writes a minute apart', [0, 60, 120], 1],
  ['two within a minute, over the turn of one', [0, 70, 129], 2],
])('%s', (_, seconds, most) => {
  expect(mostInAMinute(seconds.map((each) => each * 1_000))).toBe(most);
});
