import { describe, expect, test } from '@jest/globals';
import { bytes, numberOf, quantity } from './quantity.ts';

describe('a quantity', () => {
  test.each([
    [-1, -1],
    [1_048_576, 1_048_576],
    ['-1', -1],
    ['10Gi', 10 * 2 ** 30],
    ['1.5Ki', 1_536],
    ['500M', 500_000_000],
    ['250m', 0.25],
    ['2', 2],
  ])('%s is %s', (given, number) => {
    expect(numberOf(quantity.parse(given))).toBe(number);
  });

  test.each(['lots', '1 Gi', '1gi', '', '1e', 1.5])('is not %s', (given) => {
    expect(quantity.safeParse(given).success).toBe(false);
  });
});

describe('a size in bytes', () => {
  test.each([-1, 0, '-1', '64Ki', '1G'])('may be %s', (given) => {
    expect(bytes.safeParse(given).success).toBe(true);
  });

  test.each([-2, '-2', '1.5Gi', '500m', ''])('is not %s', (given) => {
    expect(bytes.safeParse(given).success).toBe(false);
  });
});
