import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Histogram, medianOf, percentileOf } from './histogram.ts';

function filled(values: readonly number[]): Histogram {
  const histogram = new Histogram();
  for (const value of values) histogram.record(value);
  return histogram;
}

describe('a histogram', () => {
  test('gives percentiles that differ by 0.2 % at most from the exact ones', () => {
    const micros = fc.integer({ min: 0, max: 2 ** 31 - 1 });
    fc.assert(
      fc.property(fc.array(micros, { minLength: 1 }), fc.double({ min: 0, max: 1 }), (all, p) => {
        fc.pre(!Number.isNaN(p));
        const exact = percentileOf(all, p);
        const found = filled(all).percentile(p);
        expect(Math.abs(found - exact)).toBeLessThanOrEqual(0.5 + exact * 0.002);
      }),
    );
  });

  test('is the same after it was sent to another process', () => {
    const histogram = filled([1, 5, 5, 70_000, 2_000_000]);
    const copy = Histogram.of(JSON.parse(JSON.stringify(histogram.buckets())));
    expect(copy.count).toBe(5);
    expect(copy.buckets()).toEqual(histogram.buckets());
  });

  test('counts what is longer than it can tell as the longest', () => {
    expect(filled([1e12]).percentile(1)).toBeGreaterThan(2e9);
  });

  test('tells nothing when it is empty', () => {
    expect(new Histogram().percentile(0.5)).toBeNaN();
  });
});

describe('percentiles of plain values', () => {
  test('are values that occurred', () => {
    expect(percentileOf([4, 1, 3, 2], 0.5)).toBe(2);
    expect(percentileOf([4, 1, 3, 2], 0.99)).toBe(4);
    expect(percentileOf([4, 1, 3, 2], 0)).toBe(1);
  });

  test.each([
    [0.5, 5],
    [0.99, 10],
    [1, 10],
    [0, 1],
  ])('have, of 1 to 10, at %d the value %d', (share, value) => {
    const values = Array.from({ length: 10 }, (_, index) => 10 - index);
    expect(percentileOf(values, share)).toBe(value);
  });

  test('of nothing are no number', () => {
    expect(percentileOf([], 0.5)).toBeNaN();
  });

  test('have the middle of two as their median', () => {
    expect(medianOf([4, 1, 3, 2])).toBe(2.5);
    expect(medianOf([9, 1, 3])).toBe(3);
  });
});
