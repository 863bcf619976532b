import { z } from 'zod';

/** A structural schema as the API server takes it in a CustomResourceDefinition. */
export type Schema = Readonly<Record<string, unknown>>;

interface Place {
  /** Where the schema is, for the sentence of a refusal. */
  readonly path: string;
  /**
   * The API server fills in the defaults of a spec. A status is as the operator wrote it, which
   * must never fail because a list has become long: it needs no bounds, as no rule reads it.
   */
  readonly part: 'spec' | 'status';
}

const kept = [
  'description',
  'type',
  'enum',
  'format',
  'nullable',
  'minLength',
  'maxLength',
  'minimum',
  'maximum',
  'minItems',
  'maxItems',
  'minProperties',
  'maxProperties',
] as const;
/** Handled by name below. */
const converted = [
  '$schema',
  'const',
  'default',
  'properties',
  'required',
  'additionalProperties',
  'propertyNames',
  'items',
  'anyOf',
  'allOf',
  'pattern',
  'sentence',
];
const extension = /^x-kubernetes-/;
const intOrString = 'x-kubernetes-int-or-string';
const record = z.record(z.string(), z.unknown());
const schemas = z.array(record);

/**
 * What the zod schema says, as an API server can check it. Every rule is kept; one that a
 * structural schema cannot say throws. So does, in a spec, a string, a list or a map without a
 * bound: the API server counts a CEL rule that reads one as too expensive.
 */
export function structural(schema: z.ZodType, place: Place): Schema {
  return convert(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'throw' }), place);
}

function convert(input: unknown, place: Place): Schema {
  const json = record.parse(input);
  const strange = Object.keys(json).filter(
    (key) => ![...kept, ...converted].includes(key) && !extension.test(key),
  );
  refuse(strange.length > 0, place, `${strange.join(', ')} has no place in a structural schema`);
  const plain = json.anyOf === undefined ? json : withoutUnion(json, place);
  const result = {
    ...pick(plain),
    ...(plain.type === 'integer' ? { format: 'int64' } : {}),
    ...constant(plain),
    ...(place.part === 'spec' && json.default !== undefined ? { default: json.default } : {}),
    ...ofObject(plain, place),
    ...(plain.items === undefined
      ? {}
      : { items: convert(plain.items, { ...place, path: `${place.path}[]` }) }),
    ...patterns(plain, place),
  };
  checkBounds(result, place);
  return result;
}

function pick(json: Schema): Schema {
  const keys = [...kept, ...Object.keys(json).filter((key) => extension.test(key))];
  return Object.fromEntries(
    keys.filter((key) => json[key] !== undefined).map((key) => [key, json[key]]),
  );
}

function constant(json: Schema): Schema {
  return json.const === undefined ? {} : { enum: [json.const] };
}

function ofObject(json: Schema, place: Place): Schema {
  const { properties, required, additionalProperties: rest, propertyNames } = json;
  const names = record.parse(propertyNames ?? {});
  refuse(
    Object.keys(names).some((key) => key !== 'type'),
    place,
    'the keys of a map cannot have rules',
  );
  const isFree =
    rest !== undefined && rest !== false && Object.keys(record.parse(rest)).length === 0;
  return {
    ...(properties === undefined || Object.keys(record.parse(properties)).length === 0
      ? {}
      : { properties: propertiesOf(record.parse(properties), place) }),
    ...(Array.isArray(required) && required.length > 0 ? { required } : {}),
    ...(isFree ? { 'x-kubernetes-preserve-unknown-fields': true } : {}),
    ...(rest === undefined || rest === false || isFree
      ? {}
      : { additionalProperties: convert(rest, { ...place, path: `${place.path}{}` }) }),
  };
}

function propertiesOf(properties: Schema, place: Place): Schema {
  return Object.fromEntries(
    Object.entries(properties).map(([name, property]) => [
      name,
      convert(property, { ...place, path: `${place.path}.${name}` }),
    ]),
  );
}

/** Only two unions can be said: a whole number or a string, and something or null. */
function withoutUnion(json: Schema, place: Place): Schema {
  const { anyOf, ...rest } = json;
  const options = schemas.parse(anyOf);
  const present = options.filter(({ type }) => type !== 'null');
  if (present.length === 1 && options.length === 2) {
    return { ...present[0], ...rest, nullable: true };
  }
  const types = options.map(({ type }) => type).sort();
  const isIntOrString = json[intOrString] === true && types.join() === 'integer,string';
  refuse(!isIntOrString, place, 'a union is either a whole number or a string, or has null');
  const rules = options.map(({ type: _, ...option }) => option);
  return Object.assign({}, ...rules, rest);
}

/** The API server words a pattern as itself; as a rule it has a sentence. */
function patterns(json: Schema, place: Place): Schema {
  const parts = json.allOf === undefined ? [] : schemas.parse(json.allOf);
  const isOther = parts.some((part) => Object.keys(part).some((key) => key !== 'pattern'));
  refuse(isOther, place, 'allOf may hold patterns only');
  const all = [json, ...parts].flatMap(({ pattern }) => (pattern === undefined ? [] : [pattern]));
  if (all.length === 0) return {};
  const isSlow = all.some((pattern) => /\(\?[=!<]|\\[1-9]/.test(String(pattern)));
  refuse(isSlow, place, 'a look-around or a back reference is not matched in linear time');
  refuse(json.sentence === undefined, place, 'a pattern needs a sentence for a refusal');
  const isText = json[intOrString] === true ? 'type(self) != string || ' : '';
  return {
    'x-kubernetes-validations': all.map((pattern) => ({
      rule: `${isText}self.matches(${JSON.stringify(pattern)})`,
      message: json.sentence,
    })),
  };
}

function checkBounds(schema: Schema, place: Place): void {
  const { type, enum: values, maxLength, maxItems, maxProperties } = schema;
  const isUntyped = type === undefined && schema[intOrString] !== true;
  refuse(isUntyped, place, 'a value needs a type, or x-kubernetes-int-or-string');
  if (place.part === 'status') return;
  const isText = type === 'string' || schema[intOrString] === true;
  const isLong = isText && values === undefined && maxLength === undefined;
  refuse(isLong, place, 'a string needs a maximal length');
  refuse(type === 'array' && maxItems === undefined, place, 'a list needs a maximal length');
  const isMap = schema.additionalProperties !== undefined;
  refuse(isMap && maxProperties === undefined, place, 'a map needs a maximal size');
}

function refuse(isRefused: boolean, { path }: Place, why: string): void {
  if (isRefused) throw new Error(`${path} cannot be part of a CustomResourceDefinition: ${why}.`);
}
