import { describe, expect, test } from '@jest/globals';
import { classify, isUnavailable } from './database-errors.ts';
import { errorClassOf, messageOf, PermanentError, stackHashOf } from './poison.ts';

const withCode = (code: string) => Object.assign(new Error('failed'), { code });

describe('an error of the database', () => {
  test.each([
    ['08006', 'unavailable', 'the connection failed'],
    ['57P01', 'unavailable', 'the server is shut down'],
    ['53300', 'unavailable', 'too many connections'],
    ['25006', 'unavailable', 'the node was failed over'],
    ['ECONNREFUSED', 'unavailable', 'nothing listens'],
    ['40P01', 'contended', 'deadlock'],
    ['55P03', 'contended', 'the lock was not had in time'],
    ['57014', 'contended', 'the statement ran into its limit'],
    ['23505', 'refused', 'the row is there already'],
    ['22001', 'refused', 'the value is too long'],
  ])('%s is %s: %s', (code, failure) => {
    expect(classify(withCode(code))).toBe(failure);
    expect(isUnavailable(withCode(code))).toBe(failure !== 'refused');
  });

  test('is known without a code, by what the driver says', () => {
    expect(classify(new Error('Connection terminated unexpectedly'))).toBe('unavailable');
  });

  test('is not what a programming error is', () => {
    expect(classify(new TypeError('x is not a function'))).toBeUndefined();
    expect(classify('08006')).toBeUndefined();
  });
});

describe('a failed handling', () => {
  test.each([
    ['permanent', new PermanentError('cannot be mended')],
    ['permanent', withCode('22003')],
    ['transient', withCode('23505')],
    ['transient', withCode('40001')],
    ['transient', new Error('who knows')],
    ['transient', 'thrown text'],
  ])('is %s: %s', (expected, error) => {
    expect(errorClassOf(error)).toBe(expected);
  });

  test('is told in at most 1 KiB of text that PostgreSQL stores', () => {
    expect(messageOf(new Error('x'.repeat(5_000)))).toHaveLength(1_024);
    expect(messageOf(`a\0b\ud800`)).toBe('ab\ufffd');
  });

  test('has the same hash whatever its message, another at another place', () => {
    const fail = (message: string) => new Error(message);
    const [first, second] = ['one', 'two'].map(fail);
    expect(stackHashOf(first)).toBe(stackHashOf(second));
    expect(stackHashOf(first)).not.toBe(stackHashOf(new Error('one')));
    expect(stackHashOf('text')).toMatch(/^[0-9a-f]{16}$/);
  });
});
