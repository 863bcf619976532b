import { expect, test } from '@jest/globals';
import { inFlight } from './load.ts';

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
