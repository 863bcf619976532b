import { z } from 'zod';
import type { Definition } from './definition.ts';
import { group, version } from './kinds.ts';
import type { Rule } from './rule.ts';
import { type Schema, structural } from './structural.ts';

/** The CustomResourceDefinition of a kind, ready to be applied. */
export function crd(definition: Definition) {
  const { resource, shortNames, columns, scale } = definition;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${resource.plural}.${group}` },
    spec: {
      group,
      scope: resource.namespaced ? 'Namespaced' : 'Cluster',
      names: {
        plural: resource.plural,
        singular: resource.kind.toLowerCase(),
        kind: resource.kind,
        listKind: `${resource.kind}List`,
        shortNames: [...shortNames],
        categories: ['nats', 'windlass'],
      },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          subresources: { status: {}, ...(scale === undefined ? {} : { scale }) },
          additionalPrinterColumns: columns.map((column) =>
            column.type === 'integer' ? { ...column, format: 'int64' } : column,
          ),
          schema: { openAPIV3Schema: objectSchema(definition) },
        },
      ],
    },
  };
}

function objectSchema({ spec, status, rules, objectRules, description }: Definition): Schema {
  const ofSpec = structural(spec, { path: 'spec', part: 'spec' });
  const moved = movedToFields(rules, ofSpec);
  const empty = spec.safeParse({});
  return {
    type: 'object',
    description,
    ...(empty.success ? {} : { required: ['spec'] }),
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'object' },
      spec: {
        description: 'What is wanted.',
        ...moved.schema,
        // The API server checks the default against the rules before it fills in any other.
        ...(empty.success ? { default: empty.data } : {}),
        ...validations(moved.others, ofSpec),
      },
      status: {
        description: 'What is.',
        ...structural(status, { path: 'status', part: 'status' }),
      },
    },
    ...validations(objectRules ?? [], undefined),
  };
}

/** Rules of one field that is always there stand beside it. */
function movedToFields(rules: readonly Rule[], schema: Schema) {
  const properties = { ...fields.parse(schema.properties) };
  const required: readonly unknown[] = Array.isArray(schema.required) ? schema.required : [];
  const others = rules.filter(({ fieldPath = '', ofField, message }) => {
    const name = fieldPath.slice(1);
    const field = properties[name];
    if (ofField === undefined || field === undefined) return true;
    if (!required.includes(name) && field.default === undefined) return true;
    const before = field[keyword];
    const own = { rule: ofField, message };
    properties[name] = { ...field, [keyword]: [...(Array.isArray(before) ? before : []), own] };
    return false;
  });
  return { schema: { ...schema, properties }, others };
}

function validations(rules: readonly Rule[], schema: Schema | undefined) {
  for (const { fieldPath } of rules) {
    if (fieldPath !== undefined && !hasField(schema, fieldPath.split('.').slice(1))) {
      throw new Error(`A rule names the field ${fieldPath}, which the schema does not have.`);
    }
  }
  const stated = rules.map(({ ofField: _, ...rule }) => rule);
  return stated.length === 0 ? {} : { [keyword]: stated };
}

function hasField(schema: Schema | undefined, [name, ...rest]: readonly string[]): boolean {
  if (name === undefined) return true;
  const next = fields.safeParse(schema?.properties).data?.[name];
  return next !== undefined && hasField(next, rest);
}

const keyword = 'x-kubernetes-validations';
const fields = z.record(z.string(), z.record(z.string(), z.unknown()));
