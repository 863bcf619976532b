import { expect, test } from '@jest/globals';
import { sumOf } from './metrics.ts';

const text = `# HELP windlass_settled_seconds From accepting
windlass_settled_seconds_bucket{le="1",status="CONFIRMED"} 7
windlass_settled_seconds_count{status="CONFIRMED",service="order"} 7
windlass_settled_seconds_count{status="REJECTED",service="order"} 3
windlass_settled_seconds_count_other 100
windlass_outbox_rows 12
`;

test('a metric is summed over its series, and over those with some labels', () => {
  expect(sumOf(text, 'windlass_settled_seconds_count')).toBe(10);
  expect(sumOf(text, 'windlass_settled_seconds_count', /status="REJECTED"/)).toBe(3);
  expect(sumOf(text, 'windlass_outbox_rows')).toBe(12);
  expect(sumOf(text, 'windlass_nothing')).toBe(0);
});
