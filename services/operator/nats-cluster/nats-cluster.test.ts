import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { until } from '@windlass/runtime/testing/until.ts';
import { describeCluster, freshNamespace } from '../../../test/cluster/testing.ts';
import {
  configMaps,
  persistentVolumeClaims,
  secrets,
  services,
  statefulSets,
} from '../api/core.ts';
import { natsClusters } from '../api/kinds.ts';
import { withCrds } from '../api/testing/installed.ts';
import { Connections } from '../assets/connections.ts';
import { Lookup } from '../assets/lookup.ts';
import type { HttpClient } from '../control/http-client.ts';
import type { Context } from '../control/kind.ts';
import type { KubeObject, Resource } from '../control/objects.ts';
import { ReflectedCache } from '../control/reflected-cache.ts';
import { connect, silent } from '../control/testing/widgets.ts';
import { writeThrough } from '../control/write-through.ts';
import { natsClusterKind } from './nats-cluster.ts';

const longMs = 180_000;
const roundsMax = 8;

/** There is no kubelet here: what is tested is what is written, and what is not. */
await describeCluster('a NatsCluster on an API server', (access) => {
  let kube: HttpClient;
  let close: () => Promise<void>;
  let cache: ReflectedCache;
  let namespace: string;
  const writes: string[] = [];
  const connections = new Connections({ logger: silent });
  const kind = natsClusterKind({ connections, lookup: new Lookup() });

  beforeAll(async () => {
    (await withCrds(access)).close();
    ({ kube, close } = await connect(access, ({ verb, what }) => {
      if (!['get', 'list', 'watch'].includes(verb)) writes.push(`${verb} ${what}`);
    }));
    namespace = await freshNamespace(access);
    cache = new ReflectedCache({ kube, logger: silent });
    cache.reflector(kind.resource);
    for (const { resource, labelSelector } of kind.watches)
      cache.reflector(resource, labelSelector);
    cache.start();
    await cache.synced();
  }, longMs);
  afterAll(async () => {
    await cache.stop();
    await connections.close();
    await close();
  });

  const context = (): Context => ({
    kube: writeThrough(kube, cache),
    cache,
    fence: () => {},
    logger: silent,
    signal: new AbortController().signal,
    now: Date.now,
    event: () => {},
  });
  const find = (resource: Resource, name: string) => kube.get(resource, { namespace, name });
  const create = (name: string, spec: object) =>
    kube.create(natsClusters, {
      apiVersion: 'windlass.dev/v1alpha1',
      kind: 'NatsCluster',
      metadata: { name, namespace },
      spec: { ...spec },
    });

  /** Observes, plans and acts until there is nothing to do; gives the last plan. */
  async function converge(name: string) {
    for (let round = 1; ; round++) {
      const object = await find(natsClusters, name);
      if (object === undefined) throw new Error(`${name} is not there`);
      const plan = kind.plan(object, await kind.observe(object, context()));
      if (plan.actions.length === 0) return plan;
      if (round > roundsMax) throw new Error(`${name}: ${plan.actions[0]?.describe}`);
      for (const action of plan.actions) await kind.act(action, object, context());
    }
  }

  test(
    'makes its children once, and then writes nothing',
    async () => {
      await create('one', {});
      const plan = await converge('one');
      expect(plan).toMatchObject({ phase: 'progressing' });
      const set = await find(statefulSets, 'one');
      expect(set?.metadata.ownerReferences).toMatchObject([{ kind: 'NatsCluster', name: 'one' }]);
      expect(await find(services, 'one-headless')).toBeDefined();
      expect((await find(configMaps, 'one-config'))?.data).toMatchObject({
        'nats.conf': expect.stringContaining('cluster: {'),
      });
      expect(Object.keys(Object((await find(secrets, 'one-operator'))?.data)).sort()).toEqual([
        'account.APP.seed',
        'system.seed',
      ]);
      expect(await find(secrets, 'one-server-tls')).toBeDefined();
      writes.length = 0;
      await converge('one');
      expect(writes).toEqual([]);
    },
    longMs,
  );

  test(
    'repairs a StatefulSet that somebody has edited',
    async () => {
      await create('two', { tls: { mode: 'Disabled' } });
      await converge('two');
      await edit(statefulSets, 'two', { spec: { replicas: 1 } });
      const spec = () => cache.get(statefulSets, `${namespace}/two`)?.spec;
      await until(() => Object(spec()).replicas === 1);
      await converge('two');
      expect((await find(statefulSets, 'two'))?.spec).toMatchObject({ replicas: 3 });
    },
    longMs,
  );

  test(
    'adds a key for a new account and leaves the others alone',
    async () => {
      await create('three', { tls: { mode: 'Disabled' } });
      await converge('three');
      const before = (await find(secrets, 'three-operator'))?.data;
      await edit(natsClusters, 'three', { spec: { accounts: [{ name: 'APP' }, { name: 'B' }] } });
      await converge('three');
      const after = (await find(secrets, 'three-operator'))?.data;
      expect(after).toMatchObject({ ...Object(before), 'account.B.seed': expect.any(String) });
    },
    longMs,
  );

  test(
    'stalls when its keys are gone, and makes no new ones',
    async () => {
      await create('four', { tls: { mode: 'Disabled' } });
      await converge('four');
      await kube.delete(secrets, { namespace, name: 'four-operator' });
      expect(await converge('four')).toMatchObject({ phase: 'stalled', reason: 'CredentialsLost' });
      expect(await find(secrets, 'four-operator')).toBeUndefined();
    },
    longMs,
  );

  test(
    'waits for the Secret that it was told to use',
    async () => {
      await create('five', { tls: { mode: 'Secret', secretName: 'given' } });
      expect(await converge('five')).toMatchObject({ phase: 'stalled', reason: 'SecretNotFound' });
      expect(await find(statefulSets, 'five')).toBeUndefined();
    },
    longMs,
  );

  test(
    'takes its volumes along only when it says so',
    async () => {
      const object = await create('six', {
        tls: { mode: 'Disabled' },
        storage: { whenDeleted: 'Delete' },
      });
      expect(kind.needsFinalizer(object)).toBe(true);
      await kube.create(persistentVolumeClaims, {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: { name: 'data-six-0', namespace, labels: { 'windlass.dev/cluster': 'six' } },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
      });
      await until(() => cache.get(persistentVolumeClaims, `${namespace}/data-six-0`));
      const deleted: KubeObject = {
        ...object,
        metadata: { ...object.metadata, deletionTimestamp: new Date().toISOString() },
      };
      const plan = kind.plan(deleted, await kind.observe(deleted, context()));
      for (const action of plan.actions) await kind.act(action, deleted, context());
      const claim = await find(persistentVolumeClaims, 'data-six-0');
      // The controller that protects claims in use may have let it go already.
      expect(claim === undefined || claim.metadata.deletionTimestamp !== undefined).toBe(true);
      expect(plan.isReleased).toBe(true);
    },
    longMs,
  );

  /** Whoever edits by hand owns the fields that he edits. */
  async function edit(resource: Resource, name: string, patch: object): Promise<void> {
    const object = await find(resource, name);
    if (object === undefined) throw new Error(`${name} is not there`);
    await kube.merge(resource, object.metadata, patch);
  }
});
