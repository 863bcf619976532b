import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { KubeApi } from '../../../test/cluster/kube-api.ts';
import { describeCluster, freshNamespace } from '../../../test/cluster/testing.ts';
import { crd } from './crd.ts';
import { group, version } from './kinds.ts';
import { definitions } from './render.ts';
import { withCrds } from './testing/installed.ts';
import { least, type Refusal, refusals } from './testing/refusals.ts';

const installMs = 180_000;

function titleOf({ kind, given, change, says }: Refusal): string {
  const update = change === undefined ? '' : `, then ${JSON.stringify(change)}`;
  return `${kind} ${JSON.stringify(given)}${update}: ${says}`;
}

/** The sentences of all rules, wherever in the schema they stand. */
function sentences(schema: unknown): string[] {
  if (Array.isArray(schema)) return schema.flatMap(sentences);
  if (typeof schema !== 'object' || schema === null) return [];
  const own = 'rule' in schema && 'message' in schema ? [String(schema.message)] : [];
  return [...own, ...Object.values(schema).flatMap(sentences)];
}

test.each(definitions.map((definition) => [definition.resource.kind, definition] as const))(
  'every rule of %s is tried',
  (kind, definition) => {
    const tried = refusals.filter((refusal) => refusal.kind === kind);
    const ofName = definition.objectRules?.map(({ message }) => message) ?? [];
    const untried = [...new Set(sentences(crd(definition)))].filter(
      (sentence) =>
        !ofName.includes(sentence) && !tried.some(({ says }) => sentence.includes(says)),
    );
    expect(untried).toEqual([]);
  },
);

await describeCluster('an API server with the CRDs', (access) => {
  let api: KubeApi;
  let namespace: string;
  let count = 0;
  const pathOf = (kind: string) => {
    const found = definitions.find(({ resource }) => resource.kind === kind);
    return `/apis/${group}/${version}/namespaces/${namespace}/${found?.resource.plural}`;
  };
  const objectOf = ({ kind, given }: Refusal) => {
    count += 1;
    return {
      apiVersion: `${group}/${version}`,
      kind,
      metadata: { name: `object-${count}` },
      spec: { ...least[kind], ...given },
    };
  };

  beforeAll(async () => {
    api = await withCrds(access);
    namespace = await freshNamespace(access);
  }, installMs);
  afterAll(() => api?.close());

  const creates = refusals.filter(({ change }) => change === undefined);
  test.each(creates.map((each) => [titleOf(each), each] as const))(
    'refuses to create %s',
    async (_, refusal) => {
      const { message } = await refusalOf(
        api.post(`${pathOf(refusal.kind)}?dryRun=All`, objectOf(refusal)),
      );
      expect(message).toContain(refusal.says);
    },
    60_000,
  );

  const updates = refusals.filter(({ change }) => change !== undefined);
  test.each(updates.map((each) => [titleOf(each), each] as const))(
    'refuses to change %s',
    async (_, refusal) => {
      const object = objectOf(refusal);
      await api.post(pathOf(refusal.kind), object);
      const path = `${pathOf(refusal.kind)}/${object.metadata.name}`;
      const { message } = await refusalOf(api.patch(path, { spec: refusal.change }));
      expect(message).toContain(refusal.says);
    },
    60_000,
  );

  test('takes an empty text for no text at all', async () => {
    const empty = { heartbeatInterval: '', optStartTime: '', account: '', jsDomain: '' };
    const object = { ...objectOf({ kind: 'Consumer', given: {}, says: '' }) };
    await api.post(pathOf('Consumer'), object);
    const path = `${pathOf('Consumer')}/${object.metadata.name}`;
    const changed = await api.patch(path, { spec: { ...empty, maxWaiting: 0, optStartSeq: 0 } });
    expect(changed).toMatchObject({ spec: empty });
  }, 60_000);

  test('lets servers be replaced one after the other, and a mirror be promoted', async () => {
    const given = { mirror: { name: 'origin' }, servers: ['nats://one', 'nats://two'] };
    const object = objectOf({ kind: 'Stream', given, says: '' });
    await api.post(pathOf('Stream'), object);
    const path = `${pathOf('Stream')}/${object.metadata.name}`;
    await api.patch(path, { spec: { servers: ['nats://two', 'nats://three'], mirror: null } });
    const after = await api.patch(path, { spec: { servers: ['nats://three'], subjects: ['a'] } });
    expect(after).toMatchObject({ spec: { servers: ['nats://three'], subjects: ['a'] } });
    expect(after).not.toHaveProperty('spec.mirror');
  }, 60_000);

  test('lets a volume grow, and retention change between limits and interest', async () => {
    const cluster = objectOf({ kind: 'NatsCluster', given: {}, says: '' });
    const stream = objectOf({ kind: 'Stream', given: {}, says: '' });
    await api.post(pathOf('NatsCluster'), cluster);
    await api.post(pathOf('Stream'), stream);
    const grown = await api.patch(`${pathOf('NatsCluster')}/${cluster.metadata.name}`, {
      spec: { storage: { size: '0.1Ti' } },
    });
    const changed = await api.patch(`${pathOf('Stream')}/${stream.metadata.name}`, {
      spec: { retention: 'interest' },
    });
    expect(grown).toMatchObject({ spec: { storage: { size: '0.1Ti' } } });
    expect(changed).toMatchObject({ spec: { retention: 'interest' } });
  }, 60_000);

  test.each(['a'.repeat(46), 'with.dots'])(
    'refuses a cluster that is called %s',
    async (name) => {
      const cluster = {
        apiVersion: `${group}/${version}`,
        kind: 'NatsCluster',
        metadata: { name },
      };
      const { message } = await refusalOf(api.post(`${pathOf('NatsCluster')}?dryRun=All`, cluster));
      expect(message).toContain('The name is part of the names of its pods');
    },
    60_000,
  );
});

async function refusalOf(request: Promise<unknown>) {
  const answer = await request.then(
    () => ({ status: 200, message: 'it was accepted' }),
    (error: { readonly status: number; readonly message: string }) => error,
  );
  expect(answer).toMatchObject({ status: 422 });
  return answer;
}
