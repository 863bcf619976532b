import { expect, test } from '@jest/globals';
import { AckTimeout } from './ack-timeout.ts';

function after(...took: readonly number[]): AckTimeout {
  const timeout = new AckTimeout();
  for (const ms of took) timeout.answered(ms);
  return timeout;
}
const often = (ms: number) => new Array<number>(100).fill(ms);

test('is long as long as nothing is known', () => {
  expect(new AckTimeout().ms).toBe(5_000);
});

test('is half a second where answers are quick, whatever the noise', () => {
  expect(after(...often(2)).ms).toBe(500);
  expect(after(...often(2), 60, ...often(2)).ms).toBe(500);
});

test('follows answers that get slow and uneven, to a limit', () => {
  const slow = after(...often(2), ...often(900));
  expect(slow.ms).toBeGreaterThan(900);
  expect(slow.ms).toBeLessThan(1_200);
  expect(after(...often(2), 800).ms).toBeGreaterThan(800);
  expect(after(...often(20_000)).ms).toBe(5_000);
});

test('doubles with each time that passes in vain, until there is an answer again', () => {
  const timeout = after(...often(2));
  const passed = [1, 2, 3, 4, 5, 6].map(() => {
    timeout.passed();
    return timeout.ms;
  });
  expect(passed).toEqual([1_000, 2_000, 4_000, 5_000, 5_000, 5_000]);
  timeout.answered(2);
  expect(timeout.ms).toBe(500);
});
