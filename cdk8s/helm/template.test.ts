import { expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { Conditional, Expression, escaped, type Node, templateOf } from './template.ts';

test.each<[string, Node]>([
  ['objects in lists in objects', { a: [{ b: 1, c: [true, null] }, { d: 'e' }] }],
  ['lists in lists', { a: [['b', 'c'], []] }],
  ['what is empty', { a: [], b: {}, c: [{}], d: '' }],
  ['texts that look like something else', { a: 'true', b: '1', c: 'null', d: '~', no: 'off' }],
  ['texts that YAML would read', { a: 'b: c', d: '# e', f: 'two\nlines', g: '"quoted"' }],
])('is the same again: %s', (_, node) => {
  expect(parse(templateOf(node))).toEqual(node);
});

test('an expression stands where a scalar would', () => {
  const node = { a: new Expression('{{ .Values.a }}'), b: [new Expression('{{ .Values.b }}')] };
  expect(templateOf(node)).toBe('a: {{ .Values.a }}\nb:\n  - {{ .Values.b }}');
});

test('a condition is around its entry, in objects and in lists', () => {
  const node = { a: new Conditional('.Values.a', { b: 1 }), c: [new Conditional('.Values.c', 2)] };
  expect(templateOf(node)).toBe(
    '{{- if .Values.a }}\na:\n  b: 1\n{{- end }}\nc:\n{{- if .Values.c }}\n  - 2\n{{- end }}',
  );
});

test('a condition does not stand behind the dash of a list', () => {
  const node = [{ a: new Conditional('.Values.a', 1), b: 2 }];
  expect(templateOf(node)).toBe('-\n{{- if .Values.a }}\n  a: 1\n{{- end }}\n  b: 2');
});

test('braces of others are handed on by Helm', () => {
  expect(escaped('{{ $value }}')).toBe('{{ "{{" }} $value {{ "}}" }}');
  expect(templateOf({ a: '{{ b }}' })).toBe('a: "{{ "{{" }} b {{ "}}" }}"');
});
