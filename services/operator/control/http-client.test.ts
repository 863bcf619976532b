import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { until } from '@windlass/runtime/testing/until.ts';
import { describeCluster, freshNamespace } from '../../../test/cluster/testing.ts';
import type { HttpClient } from './http-client.ts';
import { KubeError, LostLeadership } from './kube-error.ts';
import type { KubeObject, Resource } from './objects.ts';
import { type FaultProxy, startFaultProxy } from './testing/fault-proxy.ts';
import { configMaps, connect, installWidgets, widget, widgets } from './testing/widgets.ts';
import type { CallRecord } from './transport.ts';

const pods: Resource = {
  group: '',
  version: 'v1',
  plural: 'pods',
  kind: 'Pod',
  namespaced: true,
};
const budgets: Resource = {
  group: 'policy',
  version: 'v1',
  plural: 'poddisruptionbudgets',
  kind: 'PodDisruptionBudget',
  namespaced: true,
};

jest.setTimeout(120_000);

await describeCluster('the client of the API server', (access) => {
  const calls: CallRecord[] = [];
  let proxy: FaultProxy;
  let kube: HttpClient;
  let close: () => Promise<void>;
  let namespace: string;

  beforeAll(async () => {
    proxy = await startFaultProxy(access.kubeconfig);
    ({ kube, close } = await connect(proxy, (record) => calls.push(record)));
    await installWidgets(kube);
    namespace = await freshNamespace(access);
  }, 120_000);
  afterAll(async () => {
    await close();
    await proxy.close();
  });

  const map = (name: string, data: Readonly<Record<string, string>> = {}): KubeObject => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace },
    data,
  });

  test('creates, reads and deletes', async () => {
    const place = { namespace, name: 'one' };
    expect(await kube.get(configMaps, place)).toBeUndefined();
    const made = await kube.create(configMaps, map('one', { a: '1' }));
    expect(await kube.get(configMaps, place)).toEqual(made);
    await expect(kube.create(configMaps, map('one'))).rejects.toMatchObject({
      status: 409,
      reason: 'AlreadyExists',
    });
    await expect(kube.delete(configMaps, place, { uid: 'another' })).rejects.toMatchObject({
      reason: 'Conflict',
    });
    await kube.delete(configMaps, place, { uid: String(made.metadata.uid) });
    await kube.delete(configMaps, place);
    expect(await kube.get(configMaps, place)).toBeUndefined();
  });

  test('gives frozen objects that say what they are, without managed fields', async () => {
    await kube.create(configMaps, map('frozen'));
    const listed = await kube.list(configMaps, { namespace });
    const found = listed.find(({ metadata }) => metadata.name === 'frozen');
    expect(found).toMatchObject({ apiVersion: 'v1', kind: 'ConfigMap' });
    expect(Object.keys(found?.metadata ?? {})).not.toContain('managedFields');
    expect([Object.isFrozen(found), Object.isFrozen(found?.metadata)]).toEqual([true, true]);
  });

  test('applies only the fields of its manager', async () => {
    await kube.apply(configMaps, map('shared', { a: '1' }), 'one');
    await kube.apply(configMaps, map('shared', { b: '2' }), 'two');
    const both = await kube.get(configMaps, { namespace, name: 'shared' });
    expect(both?.data).toEqual({ a: '1', b: '2' });
    const left = await kube.apply(configMaps, map('shared'), 'one');
    expect(left.data).toEqual({ b: '2' });
  });

  test('lists in pages, and begins again when a page has expired', async () => {
    const names = Array.from({ length: 520 }, (_, index) => `paged-${index}`);
    const rest = [...names];
    const makers = Array.from({ length: 16 }, async () => {
      for (let name = rest.pop(); name !== undefined; name = rest.pop()) {
        await kube.create(widgets, widget(namespace, name, {}, { labels: { paged: 'yes' } }));
      }
    });
    await Promise.all(makers);
    let expired = 0;
    proxy.setFault(({ url }) => {
      if (!url.searchParams.has('continue') || expired++ > 0) return false;
      return { status: 410, body: { kind: 'Status', code: 410, reason: 'Expired' } };
    });
    const selection = { namespace, labelSelector: 'paged=yes' };
    const before = proxy.seen.length;
    const { items } = await kube.listed(widgets, selection);
    proxy.clear();
    expect(items.map(({ metadata }) => metadata.name).sort()).toEqual(names.sort());
    expect(proxy.seen.length - before).toBe(4);
  }, 120_000);

  test('waits as the API server asks, and then repeats what may be repeated', async () => {
    let refused = 0;
    proxy.setFault(({ method }) => {
      if (method === 'GET' || refused++ > 0) return false;
      return { status: 429, headers: { 'retry-after': '1' } };
    });
    await kube.apply(configMaps, map('busy'));
    expect(refused).toBe(2);
    refused = 0;
    await expect(kube.create(configMaps, map('busier'))).rejects.toMatchObject({
      status: 429,
      retryAfterMs: 1_000,
    });
    proxy.clear();
    expect(refused).toBe(1);
  });

  test('does not wait for long itself', async () => {
    proxy.setFault(() => ({ status: 503, headers: { 'retry-after': '120' } }));
    const before = proxy.seen.length;
    const reading = kube.get(configMaps, { namespace, name: 'any' });
    await expect(reading).rejects.toMatchObject({ status: 503, retryAfterMs: 120_000 });
    proxy.clear();
    expect(proxy.seen.length - before).toBe(1);
  });

  test('repeats a read whose connection broke, and no creation', async () => {
    let dropped = 0;
    proxy.setFault(() => (dropped++ === 0 ? 'drop' : false));
    expect(await kube.get(configMaps, { namespace, name: 'none' })).toBeUndefined();
    dropped = 0;
    await expect(kube.create(configMaps, map('lost'))).rejects.toMatchObject({
      status: 0,
      reason: 'Unreachable',
    });
    proxy.clear();
    expect(dropped).toBe(1);
  });

  test('asks with fresh credentials after a 401, once', async () => {
    proxy.setFault(() => ({ status: 401 }));
    const before = proxy.seen.length;
    const reading = kube.get(configMaps, { namespace, name: 'none' });
    await expect(reading).rejects.toMatchObject({ status: 401, reason: 'Unauthorized' });
    proxy.clear();
    expect(proxy.seen.length - before).toBe(2);
  });

  test('writes nothing when the fence is up', async () => {
    const fenced = kube.fencedBy(() => {
      throw new LostLeadership();
    });
    const before = proxy.seen.length;
    const place = { namespace, name: 'fenced' };
    for (const write of [
      () => fenced.create(configMaps, map('fenced')),
      () => fenced.apply(configMaps, map('fenced')),
      () => fenced.applyStatus(widgets, widget(namespace, 'fenced')),
      () => fenced.delete(configMaps, place),
      () => fenced.evict(namespace, 'any', 'any'),
      () => fenced.replace(configMaps, map('fenced')),
      () => fenced.merge(configMaps, place, {}),
    ]) {
      await expect(write()).rejects.toBeInstanceOf(LostLeadership);
    }
    expect(proxy.seen.length).toBe(before);
    expect(await fenced.get(configMaps, place)).toBeUndefined();
  });

  test('counts each call by verb, resource and status', async () => {
    calls.length = 0;
    await kube.get(configMaps, { namespace, name: 'none' });
    await kube.apply(configMaps, map('counted'));
    await kube.applyStatus(widgets, widget(namespace, 'none')).catch(() => {});
    expect(calls.map(({ verb, what, status }) => `${verb} ${what} ${status}`)).toEqual([
      'get configmaps 404',
      'apply configmaps 201',
      'apply widgets/status 404',
    ]);
  });

  test('watches from a version, and says when that has expired', async () => {
    const { resourceVersion } = await kube.listed(widgets, { namespace });
    const stop = new AbortController();
    const options = { namespace, resourceVersion, timeoutSeconds: 30, signal: stop.signal };
    const seen: string[] = [];
    const watching = (async () => {
      for await (const event of kube.watch(widgets, options)) {
        if (event.type === 'bookmark') continue;
        seen.push(`${event.type} ${event.object.metadata.name}`);
        if (event.type === 'deleted') return;
      }
    })();
    await kube.create(widgets, widget(namespace, 'watched'));
    await kube.delete(widgets, { namespace, name: 'watched' });
    await watching;
    expect(seen).toEqual(['changed watched', 'deleted watched']);
    const old = kube.watch(widgets, { ...options, resourceVersion: '1' });
    await expect(old.next()).rejects.toMatchObject({ status: 410 });
    stop.abort();
  });

  test('evicts a pod unless a budget forbids it', async () => {
    const pod = await kube.create(pods, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'evicted', namespace, labels: { app: 'evicted' } },
      spec: { containers: [{ name: 'any', image: 'example.org/any' }] },
    });
    const uid = String(pod.metadata.uid);
    await kube.applyStatus(pods, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'evicted', namespace },
      status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
    });
    const place = { namespace, name: 'evicted' };
    await kube.create(budgets, {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: place,
      spec: { maxUnavailable: 0, selector: { matchLabels: { app: 'evicted' } } },
    });
    expect(await kube.evict(namespace, 'evicted', uid)).toBe('blocked');
    await kube.delete(budgets, place);
    const other = kube.evict(namespace, 'evicted', 'another');
    await expect(other).rejects.toBeInstanceOf(KubeError);
    await until(async () => {
      const outcome = await kube.evict(namespace, 'evicted', uid);
      return outcome === 'evicted' || undefined;
    });
    expect(await kube.evict(namespace, 'gone', uid)).toBe('evicted');
  });
});
