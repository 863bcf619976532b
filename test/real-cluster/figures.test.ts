import { expect, test } from '@jest/globals';
import { figuresOf, type OrderLine, quantileOf, sentenceOf, spreadOf } from './figures.ts';

const order = (over: Partial<OrderLine> = {}): OrderLine => ({
  startedAt: 0,
  attempts: 1,
  acceptedMs: 10,
  settledMs: 30,
  status: 'CONFIRMED',
  ...over,
});

test('what ended otherwise, or not at all, is told apart from what is confirmed', () => {
  const lines = [order(), order({ status: 'REJECTED' }), { startedAt: 0, failed: 'refused' }];
  const figures = figuresOf(lines);
  expect(figures).toMatchObject({ placed: 3, confirmed: 1, failed: ['refused'] });
  expect(figures.otherwise).toEqual({ REJECTED: 1 });
  expect(sentenceOf(figures)).toBe(
    '3 orders, 1 CONFIRMED, 1 REJECTED, 1 failed, 0 retries, p50 40 ms, p99 40 ms, ' +
      'accepted p99 10 ms',
  );
});

test('retries are the attempts beyond the first', () => {
  expect(figuresOf([order({ attempts: 3 }), order()]).retries).toBe(2);
});

test('quantiles are values that were measured', () => {
  const values = Array.from({ length: 100 }, (_, index) => 100 - index);
  expect(quantileOf(values, 0.99)).toBe(99);
  expect(quantileOf(values, 0.5)).toBe(50);
  expect(quantileOf([7], 0.99)).toBe(7);
  expect(quantileOf([], 0.99)).toBe(0);
});

test('a spread is the best, the median and the worst', () => {
  expect(spreadOf([900, 300, 500, 7_000])).toBe('300, 500, 7000 ms');
  expect(spreadOf([8])).toBe('8, 8, 8 ms');
  expect(spreadOf([])).toBe('not known');
});
