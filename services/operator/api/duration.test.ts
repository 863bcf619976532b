import { describe, expect, test } from '@jest/globals';
import { comparableDuration, duration, millisecondsOf, nanosecondsOf } from './duration.ts';

describe('a duration', () => {
  test.each([
    ['', 0],
    ['0', 0],
    ['1ns', 1],
    ['5us', 5_000],
    ['5µs', 5_000],
    ['250ms', 250_000_000],
    ['1.5s', 1_500_000_000],
    ['.5s', 500_000_000],
    ['1h30m', 5_400_000_000_000],
    ['7d', 604_800_000_000_000],
    ['87600h', 315_360_000_000_000_000],
  ])('%s is so many nanoseconds', (text, nanoseconds) => {
    expect(nanosecondsOf(duration.parse(text))).toBe(nanoseconds);
    expect(millisecondsOf(text)).toBe(nanoseconds / 1e6);
  });

  test('of years is written in full, as NATS needs it', () => {
    expect(JSON.stringify(nanosecondsOf('87600h'))).toBe('315360000000000000');
  });

  test.each(['1', '1 s', 's', '1y', '-1s', '1h 30m', '1,5s'])('is not %s', (text) => {
    expect(duration.safeParse(text).success).toBe(false);
  });

  test.each(['', '0', '1d', '1.5h'])('that CEL must compare is not %s', (text) => {
    expect(comparableDuration.safeParse(text).success).toBe(false);
  });
});
