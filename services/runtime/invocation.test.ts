import { expect, test } from '@jest/globals';
import { invocationOf } from './invocation.ts';

const service = { name: 'shop' };

test('a service runs when nothing is said, and migrates when it is told to', () => {
  expect(invocationOf(service, [])).toBe('run');
  expect(invocationOf(service, ['migrate'])).toBe('migrate');
});

test.each([[['migrat']], [['']], [['migrate', 'now']], [['--help']]])('refuses %j', (args) => {
  expect(() => invocationOf(service, args)).toThrow(
    new Error('shop: migrate is the only argument that there is.'),
  );
});
