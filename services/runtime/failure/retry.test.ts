import { describe, expect, test } from '@jest/globals';
import { fullJitter, pause } from './retry.ts';

describe('the delay before a retry', () => {
  test.each([
    [0, 1_000],
    [1, 2_000],
    [4, 16_000],
    [6, 60_000],
    [2_000, 60_000],
  ])('after %s attempts is at most %s ms', (attempt, mostMs) => {
    expect(fullJitter(attempt, 1_000, 60_000, () => 1)).toBe(mostMs);
    expect(fullJitter(attempt, 1_000, 60_000, () => 0)).toBe(0);
  });
});

describe('a pause', () => {
  test('ends at once when it is aborted', async () => {
    const stopping = new AbortController();
    const paused = pause(60_000, stopping.signal);
    stopping.abort();
    await paused;
    await pause(60_000, stopping.signal);
  });

  test('ends by itself', async () => {
    const before = performance.now();
    await pause(20, new AbortController().signal);
    expect(performance.now() - before).toBeGreaterThanOrEqual(19);
  });
});
