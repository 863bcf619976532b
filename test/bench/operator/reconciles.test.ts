import { expect, test } from '@jest/globals';
import { bucketsOf, quantileOf } from './reconciles.ts';

const exposition = `# TYPE windlass_operator_reconcile_seconds histogram
windlass_operator_reconcile_seconds_bucket{kind="Stream",result="ready",le="0.1"} 90
windlass_operator_reconcile_seconds_bucket{kind="Stream",result="ready",le="1"} 100
windlass_operator_reconcile_seconds_bucket{kind="Stream",result="ready",le="+Inf"} 100
windlass_operator_reconcile_seconds_bucket{kind="Consumer",result="failed",le="0.1"} 0
windlass_operator_reconcile_seconds_bucket{kind="Consumer",result="failed",le="1"} 100
windlass_operator_reconcile_seconds_bucket{kind="Consumer",result="failed",le="+Inf"} 100
windlass_operator_queue_depth{kind="Stream"} 3`;

test('buckets of all kinds are added up', () => {
  expect(bucketsOf(exposition)).toEqual([
    [0.1, 90],
    [1, 200],
    [Number.POSITIVE_INFINITY, 200],
  ]);
});

test.each([
  [0.45, 0.1],
  [1, 1],
])('the quantile %d is %d s', (share, seconds) => {
  expect(quantileOf(bucketsOf(exposition), share)).toBeCloseTo(seconds);
});

test('nothing has no quantile', () => {
  expect(quantileOf([], 0.99)).toBeNaN();
});
