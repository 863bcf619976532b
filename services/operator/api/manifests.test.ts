import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import type { KubeApi } from '../../../test/cluster/kube-api.ts';
import { describeCluster, freshNamespace } from '../../../test/cluster/testing.ts';
import type { KubeObject } from '../control/objects.ts';
import { crd } from './crd.ts';
import { group, version } from './kinds.ts';
import { definitions } from './render.ts';
import { withCrds } from './testing/installed.ts';
import { manifests } from './testing/manifests.ts';

const installMs = 180_000;
const objects = parseAllDocuments(manifests).map((document) => document.toJS() as KubeObject);
const titled = objects.map((each) => [`${each.kind} ${each.metadata.name}`, each] as const);

function definitionOf(kind: string) {
  const found = definitions.find(({ resource }) => resource.kind === kind);
  if (found === undefined) throw new Error(`There is no kind ${kind}.`);
  return found;
}

interface Node {
  readonly properties?: Readonly<Record<string, Node>>;
  readonly items?: Node;
}

/** Every field of the schema, lists as `[]`. */
function fieldsOf({ properties = {}, items }: Node, path: string): string[] {
  const below = Object.entries(properties).flatMap(([name, node]) => [
    `${path}.${name}`,
    ...fieldsOf(node, `${path}.${name}`),
  ]);
  return [...below, ...(items === undefined ? [] : fieldsOf(items, `${path}[]`))];
}

function givenIn(value: unknown, path: string): string[] {
  if (Array.isArray(value)) return value.flatMap((each) => givenIn(each, `${path}[]`));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, below]) => [
    `${path}.${name}`,
    ...givenIn(below, `${path}.${name}`),
  ]);
}

test.each(definitions.map((definition) => [definition.resource.kind, definition] as const))(
  'the manifests use every field of %s, but what only repeats another',
  (kind, definition) => {
    const schema = crd(definition).spec.versions[0]?.schema.openAPIV3Schema.properties as Readonly<
      Record<string, Node>
    >;
    const given = new Set(
      objects.filter((each) => each.kind === kind).flatMap(({ spec }) => givenIn(spec, '')),
    );
    const repeated = /^\.(mirror|sources\[\])\.|\.subjectTransforms/;
    const unused = fieldsOf(schema.spec ?? {}, '').filter(
      (field) => !given.has(field) && !repeated.test(field),
    );
    expect(unused).toEqual([]);
  },
);

await describeCluster('an API server with the CRDs', (access) => {
  let api: KubeApi;
  let namespace: string;
  beforeAll(async () => {
    api = await withCrds(access);
    namespace = await freshNamespace(access);
  }, installMs);
  afterAll(() => api?.close());

  test.each(titled)(
    'takes %s, and shows the defaults that the operator reads',
    async (_, object) => {
      const { resource, spec } = definitionOf(object.kind);
      const path = `/apis/${group}/${version}/namespaces/${namespace}/${resource.plural}`;
      const stored = await api.post<KubeObject>(path, object);
      const read = spec.parse(object.spec ?? {});
      expect(stored.spec).toEqual(JSON.parse(JSON.stringify(read)));
      expect(spec.parse(stored.spec)).toEqual(read);
    },
    60_000,
  );
});
