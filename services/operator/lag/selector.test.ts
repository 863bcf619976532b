import { describe, expect, test } from '@jest/globals';
import { SelectorError, selectorOf } from './selector.ts';

const labels = { consumer: ['orders-worker', 'worker'], stream: ['ORDERS'], cluster: [] };

describe('selectorOf', () => {
  test.each([
    '',
    ' ',
    'stream=ORDERS',
    'stream == ORDERS',
    'consumer=worker',
    'consumer=orders-worker,stream=ORDERS',
    'consumer in (other, worker)',
    'stream in (ORDERS),consumer notin (a,b)',
    'stream!=BILLS',
    'account!=a',
    'stream',
    '!account',
    '!cluster',
  ])('matches %j', (text) => {
    expect(selectorOf(text)(labels)).toBe(true);
  });

  test.each([
    'stream=orders',
    'consumer!=worker',
    'consumer notin (worker)',
    'stream in (A,B)',
    'account=a',
    'cluster',
    '!stream',
    'toString',
    'consumer=worker,stream=BILLS',
  ])('does not match %j', (text) => {
    expect(selectorOf(text)(labels)).toBe(false);
  });

  test.each(['=', 'a=b=c', 'a in b', 'a in (b', ',', 'a,,b', 'a b', '!', 'a in ()()', '(', 'é'])(
    'refuses %j',
    (text) => {
      expect(() => selectorOf(text)).toThrow(SelectorError);
    },
  );

  test('bounds the length and the number of requirements', () => {
    expect(() => selectorOf('a'.repeat(5_000))).toThrow(SelectorError);
    expect(() => selectorOf(Array(65).fill('a').join(','))).toThrow(SelectorError);
  });
});
