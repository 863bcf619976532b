import { expect, test } from '@jest/globals';
import { Expected } from './expected.ts';

test.each([
  ['STREAM.CREATE.S', 'STREAM.CREATED.S'],
  ['STREAM.UPDATE.S', 'STREAM.UPDATED.S'],
  ['STREAM.DELETE.S', 'STREAM.DELETED.S'],
  ['CONSUMER.CREATE.S.C', 'CONSUMER.CREATED.S.C'],
  ['CONSUMER.CREATE.S.C', 'CONSUMER.CHANGED.S.C'],
  ['CONSUMER.DELETE.S.C', 'CONSUMER.DELETED.S.C'],
  ['CONSUMER.PAUSE.S.C', 'CONSUMER.PAUSE.S.C'],
])('%s causes %s, once', (api, advisory) => {
  const expected = new Expected();
  expect(expected.take(advisory)).toBe(false);
  expected.note(api);
  expect(expected.take(advisory)).toBe(true);
  expect(expected.take(advisory)).toBe(false);
});

test('two changes cause two advisories', () => {
  const expected = new Expected();
  expected.note('STREAM.UPDATE.S');
  expected.note('STREAM.UPDATE.S');
  expect([1, 2, 3].map(() => expected.take('STREAM.UPDATED.S'))).toEqual([true, true, false]);
});

test('what is refused causes none', () => {
  const expected = new Expected();
  expected.note('STREAM.UPDATE.S');
  expected.forget('STREAM.UPDATE.S');
  expect(expected.take('STREAM.UPDATED.S')).toBe(false);
});

test('an advisory that comes late is somebody else’s', () => {
  let now = 0;
  const expected = new Expected(() => now);
  expected.note('STREAM.DELETE.S');
  now = 5_001;
  expect(expected.take('STREAM.DELETED.S')).toBe(false);
});

test('a request that changes nothing causes none', () => {
  const expected = new Expected();
  expected.note('STREAM.INFO.S');
  expect(expected.take('STREAM.INFO.S')).toBe(false);
});
