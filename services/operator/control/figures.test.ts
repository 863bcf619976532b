import { describe, expect, test } from '@jest/globals';
import { hasMoved, merged, storedFigures } from './figures.ts';

describe('figures have moved', () => {
  const cases: Readonly<Record<string, readonly [unknown, unknown, boolean]>> = {
    'not when they are the same': [{ a: 100 }, { a: 100 }, false],
    'not by 5 %': [{ a: 100 }, { a: 105 }, false],
    'by more than 5 %': [{ a: 100 }, { a: 106 }, true],
    'by less than 95 %': [{ a: 100 }, { a: 94 }, true],
    'from nothing to something': [{ a: 0 }, { a: 1 }, true],
    'when one is new': [{}, { a: 0 }, true],
    'deep inside': [{ a: { b: 1 } }, { a: { b: 2 } }, true],
    'in one element of a list': [{ a: [1, 2] }, { a: [1, 3] }, true],
    'not in a list of the same': [{ a: [{ b: 100 }] }, { a: [{ b: 101 }] }, false],
    'when a list grows': [{ a: [1] }, { a: [1, 1] }, true],
    'when a word changes': [{ a: 'one' }, { a: 'two' }, true],
    'not when others are stored beside them': [{ a: 1, b: 2 }, { a: 1 }, false],
    'not when one is undefined': [{ a: 1 }, { a: 1, b: undefined }, false],
  };
  test.each(Object.entries(cases))('%s', (_, [before, after, expected]) => {
    expect(hasMoved(before, after)).toBe(expected);
  });
});

test('figures merge into the objects of the status', () => {
  const status = { created: true, state: { leader: 'a' }, gone: undefined };
  expect(merged(status, { state: { messages: 3 }, size: 1 })).toEqual({
    created: true,
    state: { leader: 'a', messages: 3 },
    size: 1,
  });
});

test('stored figures are those of the plan as they are stored', () => {
  const figures = { size: 5, state: { messages: 7, bytes: 9 } };
  const stored = { size: 4, state: { messages: 6, leader: 'a' }, other: 1 };
  expect(storedFigures(figures, stored)).toEqual({ size: 4, state: { messages: 6, bytes: 9 } });
});
