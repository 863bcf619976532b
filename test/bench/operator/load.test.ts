import { expect, test } from '@jest/globals';
import { inFlight, quantile } from './load.ts';

test('every task runs once, and no more at a time than the limit', async () => {
  const done: number[] = [];
  let running = 0;
  let most = 0;
  await inFlight([1, 2, 3, 4, 5, 6, 7], 3, async (task) => {
    most = Math.max(most, ++running);
    await new Promise(setImmediate);
    running--;
    done.push(task);
  });
  expect(done.toSorted()).toEqual([1, 2, 3, 4, 5, 6, 7]);
  expect(most).toBe(3);
});

test('a failure is not swallowed', async () => {
  const failing = inFlight([1], 2, async () => {
    throw new Error('refused');
  });
  await expect(failing).rejects.toThrow('refused');
});

test.each([
  [0.5, 5],
  [0.99, 10],
  [1, 10],
  [0, 1],
])('the quantile %d of 1 to 10 is %d', (share, value) => {
  const values = Array.from({ length: 10 }, (_, index) => 10 - index);
  expect(quantile(values, share)).toBe(value);
});

test('nothing has no quantile', () => {
  expect(quantile([], 0.5)).toBeNaN();
});
