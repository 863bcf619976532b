import { afterAll, afterEach, beforeAll, beforeEach, expect, jest, test } from '@jest/globals';
import { until } from '@windlass/runtime/testing/until.ts';
import { type ControlPlane, startControlPlane } from '../../../test/cluster/control-plane.ts';
import { describeCluster, freshNamespace } from '../../../test/cluster/testing.ts';
import type { HttpClient } from './http-client.ts';
import type { KubeObject } from './objects.ts';
import { ReflectedCache } from './reflected-cache.ts';
import { Reflector, type ReflectorTimings, usualTimings } from './reflector.ts';
import { type FaultProxy, startFaultProxy } from './testing/fault-proxy.ts';
import { configMaps, connect, installWidgets, silent, widget, widgets } from './testing/widgets.ts';
import { writeThrough } from './write-through.ts';

const startMs = 120_000;

jest.setTimeout(120_000);

await describeCluster('a reflector', (access) => {
  let proxy: FaultProxy;
  let kube: HttpClient;
  let close: () => Promise<void>;
  let namespace: string;
  /** Past the faults of the proxy. */
  let direct: Awaited<ReturnType<typeof connect>>;
  const running: Reflector[] = [];
  const restarts: string[] = [];
  let missed = 0;

  beforeAll(async () => {
    proxy = await startFaultProxy(access.kubeconfig);
    ({ kube, close } = await connect(proxy));
    direct = await connect(access);
    await installWidgets(direct.kube);
  }, startMs);
  beforeEach(async () => {
    namespace = await freshNamespace(access);
    restarts.length = 0;
    missed = 0;
  });
  afterEach(async () => {
    proxy.clear();
    await Promise.all(running.splice(0).map((each) => each.stop()));
  });
  afterAll(async () => {
    await Promise.all([close(), direct.close()]);
    await proxy.close();
  });

  async function reflect(timings: ReflectorTimings = usualTimings): Promise<Reflector> {
    const reflector = new Reflector({
      kube,
      resource: widgets,
      labelSelector: `in=${namespace}`,
      logger: silent,
      observer: {
        restarted: (_, reason) => void restarts.push(reason),
        missed: (_, objects) => {
          missed += objects;
        },
      },
      timings,
    });
    running.push(reflector);
    reflector.start();
    await reflector.synced;
    return reflector;
  }

  const make = (name: string, spec = { size: 1 }) =>
    direct.kube.apply(widgets, widget(namespace, name, spec, { labels: { in: namespace } }));
  const remove = (name: string) => direct.kube.delete(widgets, { namespace, name });
  const names = (reflector: Reflector) =>
    reflector
      .list(namespace)
      .map(({ metadata }) => metadata.name)
      .sort();
  const has = (reflector: Reflector, ...expected: readonly string[]) =>
    until(`there is ${expected}`, () => names(reflector).join() === expected.join());

  test('has what is there, and follows what changes', async () => {
    await make('a', { size: 1 });
    const reflector = await reflect();
    expect(names(reflector)).toEqual(['a']);
    await make('b');
    await has(reflector, 'a', 'b');
    await make('a', { size: 2 });
    await until(() => Object(reflector.get(`${namespace}/a`)?.spec).size === 2);
    await remove('a');
    await has(reflector, 'b');
  });

  test('loses an object whose labels fit no more', async () => {
    await make('a');
    const reflector = await reflect();
    await direct.kube.apply(widgets, widget(namespace, 'a'));
    await has(reflector);
    await make('a');
    await has(reflector, 'a');
  });

  test('goes on where a dropped watch ended', async () => {
    const reflector = await reflect();
    await make('a');
    await has(reflector, 'a');
    expect(proxy.dropConnections()).toBeGreaterThan(0);
    await make('b');
    await remove('a');
    await has(reflector, 'b');
    expect(missed).toBe(0);
  });

  test('lists again when the version of its watch has expired', async () => {
    const isWatch = (url: URL) => url.searchParams.get('watch') === 'true';
    const reflector = await reflect();
    proxy.setFault(({ url }) => {
      if (!isWatch(url) || restarts.includes('Expired')) return false;
      const old = new URL(url);
      old.searchParams.set('resourceVersion', '1');
      return { instead: `${old.pathname}${old.search}` };
    });
    await make('a');
    proxy.dropConnections();
    await until(() => restarts.includes('Expired'));
    await make('b');
    await has(reflector, 'a', 'b');
  });

  test('outlives whatever the API server answers', async () => {
    const reflector = await reflect();
    const statuses = [500, 401, 403, 404, 429];
    proxy.setFault(() => {
      const status = statuses.shift();
      if (status === undefined) return statuses.length === 0 ? false : 'drop';
      return { status, headers: status === 429 ? { 'retry-after': '1' } : {} };
    });
    proxy.dropConnections();
    await make('a');
    await has(reflector, 'a');
    expect(statuses).toEqual([]);
  });

  test('lists everything again now and then, and misses nothing', async () => {
    const reflector = await reflect({ watchMinSeconds: 1, watchMaxSeconds: 2, relistMs: 1_500 });
    const lists = () => proxy.seen.filter(({ url }) => url.searchParams.has('limit')).length;
    const before = lists();
    await make('a');
    await until(() => lists() >= before + 2);
    await has(reflector, 'a');
    expect([missed, restarts]).toEqual([0, []]);
  });

  test('has an own write before the watch tells of it', async () => {
    const cache = new ReflectedCache({ kube, logger: silent });
    cache.reflector(widgets, `in=${namespace}`);
    cache.reflector(configMaps);
    cache.start();
    await cache.synced();
    const through = writeThrough(direct.kube, cache);
    const key = `${namespace}/own`;
    const own = widget(namespace, 'own', { size: 1 }, { labels: { in: namespace } });
    const made = await through.create(widgets, own);
    expect(cache.get(widgets, key)).toEqual(made);
    const changed = await through.apply(widgets, { ...own, spec: { size: 2 } });
    expect(cache.get(widgets, key)).toEqual(changed);
    await through.apply(widgets, widget(namespace, 'other'));
    expect(cache.get(widgets, `${namespace}/other`)).toBeUndefined();
    await through.delete(widgets, { namespace, name: 'own' });
    await until(() => cache.get(widgets, key) === undefined);
    expect(cache.list(widgets, namespace)).toEqual([]);
    expect(() => cache.list({ ...widgets, plural: 'gadgets' })).toThrow('nobody watches gadgets');
    await cache.stop();
  });

  test('is one for all who ask for the same', () => {
    const cache = new ReflectedCache({ kube, logger: silent });
    expect(cache.reflector(widgets, 'a=b')).toBe(cache.reflector(widgets, 'a=b'));
    expect(cache.reflector(widgets)).not.toBe(cache.reflector(widgets, 'a=b'));
    expect(cache.reflectors.length).toBe(2);
  });
});

await describeCluster('a reflector of an API server that is killed', () => {
  let own: ControlPlane;
  beforeAll(async () => {
    own = await startControlPlane();
  }, startMs);
  afterAll(async () => {
    await own.stop();
  });

  test(
    'keeps what it has, and goes on when the API server is back',
    async () => {
      const { kube, close } = await connect(own);
      await installWidgets(kube);
      const reflector = new Reflector({ kube, resource: widgets, logger: silent });
      reflector.start();
      await reflector.synced;
      await kube.create(widgets, widget('default', 'before'));
      const keys = () => reflector.list().map(({ metadata }: KubeObject) => metadata.name);
      await until(() => keys().join() === 'before');
      await own.apiServer.stop('SIGKILL');
      expect(keys()).toEqual(['before']);
      await own.apiServer.start();
      await until(() => kube.create(widgets, widget('default', 'after')));
      await until(() => keys().sort().join() === 'after,before');
      await reflector.stop();
      await close();
    },
    startMs,
  );
});
