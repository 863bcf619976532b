import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { structural } from './structural.ts';

const name = z.string().max(20);
const specOf = (field: z.ZodType) =>
  structural(z.object({ field }), { path: 'spec', part: 'spec' });
const propertyOf = (field: z.ZodType) =>
  (specOf(field).properties as Readonly<Record<string, unknown>>).field;

describe('a structural schema', () => {
  test.each([
    ['the length of a string', name.min(2), { type: 'string', minLength: 2, maxLength: 20 }],
    ['an enum', z.enum(['a', 'b']), { type: 'string', enum: ['a', 'b'] }],
    ['a literal', z.literal('a'), { type: 'string', enum: ['a'] }],
    [
      'the bounds of a number',
      z.int().min(-1).max(5),
      { type: 'integer', format: 'int64', minimum: -1, maximum: 5 },
    ],
    ['a default', name.default('x'), { type: 'string', maxLength: 20, default: 'x' }],
    [
      'a description',
      name.describe('What it is.'),
      expect.objectContaining({ description: 'What it is.' }),
    ],
    ['null', name.nullable(), { type: 'string', maxLength: 20, nullable: true }],
    [
      'a list and its keys',
      z.array(name).max(3).meta({ 'x-kubernetes-list-type': 'set' }),
      {
        type: 'array',
        maxItems: 3,
        items: { type: 'string', maxLength: 20 },
        'x-kubernetes-list-type': 'set',
      },
    ],
    [
      'a map',
      z.record(z.string(), name).meta({ maxProperties: 4 }),
      {
        type: 'object',
        maxProperties: 4,
        additionalProperties: { type: 'string', maxLength: 20 },
      },
    ],
    [
      'anything',
      z.looseObject({}),
      { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    ],
    [
      'a number or a string',
      z.union([z.int().min(0).max(9), name]).meta({ 'x-kubernetes-int-or-string': true }),
      { 'x-kubernetes-int-or-string': true, minimum: 0, maximum: 9, maxLength: 20 },
    ],
    [
      'a pattern, as a rule with a sentence',
      name.regex(/^\d+$/).meta({ sentence: 'Digits only.' }),
      {
        type: 'string',
        maxLength: 20,
        'x-kubernetes-validations': [{ rule: 'self.matches("^\\\\d+$")', message: 'Digits only.' }],
      },
    ],
    [
      'several patterns',
      name.regex(/^a/).regex(/z$/).meta({ sentence: 'From a to z.' }),
      {
        type: 'string',
        maxLength: 20,
        'x-kubernetes-validations': [
          { rule: 'self.matches("^a")', message: 'From a to z.' },
          { rule: 'self.matches("z$")', message: 'From a to z.' },
        ],
      },
    ],
  ])('says %s', (_, field, expected) => {
    expect(propertyOf(field)).toEqual(expected);
  });

  test('requires what has neither a default nor is optional', () => {
    const schema = z.object({ a: name, b: name.optional(), c: name.default('c') });
    expect(structural(schema, { path: 'spec', part: 'spec' })).toMatchObject({ required: ['a'] });
  });

  test('has a look at a number only where a pattern is of a string', () => {
    const size = z
      .union([z.int(), name.regex(/^\d+Gi$/)])
      .meta({ 'x-kubernetes-int-or-string': true, sentence: 'In Gi.' });
    expect(propertyOf(size)).toMatchObject({
      'x-kubernetes-validations': [
        { rule: 'type(self) != string || self.matches("^\\\\d+Gi$")', message: 'In Gi.' },
      ],
    });
  });

  test('of a status has no defaults and needs no bounds', () => {
    const schema = z.object({ lines: z.array(z.string()).default([]) });
    expect(structural(schema, { path: 'status', part: 'status' })).toEqual({
      type: 'object',
      properties: { lines: { type: 'array', items: { type: 'string' } } },
    });
  });

  test.each([
    ['a string without a bound', z.string(), 'spec.field', 'a string needs a maximal length'],
    ['a list without a bound', z.array(name), 'spec.field', 'a list needs a maximal length'],
    ['a map without a bound', z.record(z.string(), name), 'spec.field', 'a map needs'],
    ['a string in a list', z.array(z.string()).max(3), 'spec.field[]', 'a string needs'],
    [
      'rules for the keys of a map',
      z.record(z.string().max(3), name).meta({ maxProperties: 3 }),
      'spec.field',
      'the keys of a map cannot have rules',
    ],
    ['a union of objects', z.union([z.object({ a: name }), name]), 'spec.field', 'a union is'],
    ['anything without a type', z.unknown(), 'spec.field', 'a value needs a type'],
    ['a pattern without a sentence', name.regex(/a/), 'spec.field', 'a pattern needs a sentence'],
    [
      'a look-ahead',
      name.regex(/a(?=b)/).meta({ sentence: 'a before b.' }),
      'spec.field',
      'a look-around',
    ],
    ['a multiple', z.int().multipleOf(5), 'spec.field', 'multipleOf has no place'],
    ['a tuple', z.tuple([name, name]), 'spec.field', 'prefixItems has no place'],
    ['an open interval', z.number().gt(0), 'spec.field', 'exclusiveMinimum has no place'],
  ])('refuses %s rather than to leave it out', (_, field, path, why) => {
    expect(() => specOf(field)).toThrow(`${path} cannot be part of a CustomResourceDefinition`);
    expect(() => specOf(field)).toThrow(why);
  });
});
