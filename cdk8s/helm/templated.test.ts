import { expect, test } from '@jest/globals';
import type { Slot } from './slots.ts';
import { Conditional, Expression } from './template.ts';
import { templated } from './templated.ts';

const slots: readonly Slot[] = [
  { marker: 'marked-host', usual: 'host', expression: '.Values.host' },
  { marker: 'marked-host.long', usual: 'long', expression: '.Values.long' },
  { marker: 491, usual: 70, expression: 'int .Values.percent' },
  { marker: 'marked-class', usual: '', expression: '.Values.class' },
];

test('what does not differ stays', () => {
  const manifest = { a: [1, 'b', true, null], c: { d: 'host' } };
  expect(templated(manifest, manifest, slots)).toEqual(manifest);
});

test('an expression stands where a value does', () => {
  expect(templated({ a: 'host', b: [70] }, { a: 'marked-host', b: [491] }, slots)).toEqual({
    a: new Expression('{{ .Values.host | quote }}'),
    b: [new Expression('{{ int .Values.percent }}')],
  });
});

test('a text can have values in it, of which the longest fits', () => {
  const usual = 'http://host/{{x}}?long';
  const marked = 'http://marked-host/{{x}}?marked-host.long';
  expect(templated(usual, marked, slots)).toEqual(
    new Expression('"http://{{ .Values.host }}/{{ "{{" }}x{{ "}}" }}?{{ .Values.long }}"'),
  );
});

test('what is there with its value only has a condition', () => {
  expect(templated({}, { class: 'marked-class' }, slots)).toEqual({
    class: new Conditional('.Values.class', new Expression('{{ .Values.class | quote }}')),
  });
});

test('a rule says what stands at a path, and when', () => {
  const rules = {
    node: (path: readonly (string | number)[]) => (path.join('/') === 'a/b' ? 'own' : undefined),
    condition: (path: readonly (string | number)[]) =>
      path.join('/') === 'c/0' ? 'it' : undefined,
  };
  expect(templated({ a: { b: 1 }, c: [2] }, { a: { b: 3 }, c: [2] }, [], rules)).toEqual({
    a: { b: 'own' },
    c: [new Conditional('it', 2)],
  });
});

test.each([
  ['another text', { a: 'host' }, { a: 'other' }, 'a'],
  ['a value in the place of another', { a: 'guest' }, { a: 'marked-host' }, 'a'],
  ['another number', { a: { b: 70 } }, { a: { b: 71 } }, 'a/b'],
  ['a longer list', { a: [1] }, { a: [1, 2] }, 'a'],
  ['a field that is gone', { a: { b: 1 } }, { a: {} }, 'a/b'],
  ['a field that came', { a: {} }, { a: { b: 'marked-host' } }, 'a/b'],
])('%s is refused, for the chart could not say it', (_, usual, marked, path) => {
  expect(() => templated(usual, marked, slots)).toThrow(
    `The chart has no expression for what differs at ${path}.`,
  );
});
