import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { environmentNamed } from '../../cdk8s/environments.ts';
import { leavesOf } from '../../cdk8s/helm/slots.ts';
import { defaultsOf } from '../../cdk8s/helm/values.ts';
import { chart, chartFiles } from './rendered-chart.ts';

const values = parse(readFileSync(join(chart, 'values.yaml'), 'utf8'));
const schema = JSON.parse(readFileSync(join(chart, 'values.schema.json'), 'utf8'));

test('the values are those of production', () => {
  expect(values).toEqual(defaultsOf(environmentNamed('prod')));
});

test('every value is used by a template, and every one that is used is there', () => {
  const text = [...chartFiles('templates').values()].join('\n');
  const used = [...text.matchAll(/\.Values\.([\w.]+)/g)].map(([, path]) => path);
  expect([...new Set(used)].sort()).toEqual(
    leavesOf(values)
      .map(([path]) => path)
      .sort(),
  );
});

test('the schema is of the draft that it says, and knows nothing but the values', () => {
  expect(schema.$schema).toBe('https://json-schema.org/draft/2020-12/schema');
  const paths: string[] = [];
  const visit = (part: typeof schema, path: string) => {
    expect(part.description ?? (path === '' ? 'all' : undefined)).toBeDefined();
    if (part.type !== 'object') return void paths.push(path);
    expect(part.additionalProperties).toBe(false);
    expect(part.required).toEqual(Object.keys(part.properties));
    for (const [key, inner] of Object.entries(part.properties)) {
      visit(inner, path === '' ? key : `${path}.${key}`);
    }
  };
  visit(schema, '');
  expect(paths).toEqual(leavesOf(values).map(([path]) => path));
});

test('the kinds of the operator are those of k8s/crds', () => {
  for (const [path, text] of chartFiles('crds')) {
    const original = readFileSync(join(chart, '..', '..', 'k8s', path), 'utf8');
    expect(parse(text)).toEqual(parse(original));
  }
});

test('dashboards are read and not run, for their legends have braces of their own', () => {
  const dashboards = chartFiles('dashboards');
  const text = [...chartFiles('templates').values()].join('\n');
  const read = [...text.matchAll(/\.Files\.Get "([^"]+)"/g)].map(([, path]) => path);
  expect(read.sort()).toEqual([...dashboards.keys()].sort());
  expect([...dashboards.values()].some((json) => json.includes('{{'))).toBe(true);
});
