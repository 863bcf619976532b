import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { resolveNatsServer } from '@windlass/local/nats-binary.ts';
import { Broker } from '@windlass/runtime/broker/connection.ts';
import { quiet } from '@windlass/runtime/testing/rig.ts';
import { until } from '@windlass/runtime/testing/until.ts';
import { type ApiList, KubeApi } from '../kube-api.ts';
import { describeKubelet, freshNamespace } from '../testing.ts';
import { startKubelet, type TestKubelet } from './kubelet.ts';
import { configuration, natsManifests } from './nats-manifests.ts';
import { type Claim, isReady, type Pod } from './pod.ts';

const withinMs = 90_000;
const testMs = 180_000;

await describeKubelet('a test kubelet', (access) => {
  let api: KubeApi;
  let kubelet: TestKubelet;
  let namespace: string;

  beforeAll(async () => {
    api = await KubeApi.from(access.kubeconfig);
    namespace = await freshNamespace(access);
    const natsServer = (await resolveNatsServer()).path;
    const { kubeconfig } = access;
    kubelet = await startKubelet({ kubeconfig, natsServer, namespaces: [namespace] });
    for (const [path, object] of natsManifests(namespace)) await api.post(path, object);
  }, testMs);
  afterAll(async () => {
    await kubelet.stop();
    api.close();
  }, testMs);

  const pods = async () =>
    (await api.get<ApiList<Pod>>(`/api/v1/namespaces/${namespace}/pods`)).items;
  const podOf = (name: string) => api.get<Pod>(`/api/v1/namespaces/${namespace}/pods/${name}`);
  const monitor = async (name: string, path: string) => {
    const address = (await podOf(name)).status?.podIP;
    const signal = AbortSignal.timeout(5_000);
    const answer = await fetch(`http://${address}:8222${path}`, { signal }).catch(() => undefined);
    return (await answer?.json()) as Record<string, unknown> | undefined;
  };
  const allReady = async () => {
    const found = await pods();
    return found.length === 3 && found.every(isReady);
  };
  const metaIsWhole = async () => {
    const answer = await monitor('n-0', '/jsz');
    const meta = answer?.meta_cluster as { leader?: string; cluster_size?: number } | undefined;
    return (meta?.leader ?? '') !== '' && meta?.cluster_size === 3;
  };
  const settled = async () => {
    await until('three ready pods', allReady, { withinMs });
    await until('a meta leader of three', metaIsWhole, { withinMs });
    await until(
      'a healthy server',
      async () => (await monitor('n-0', '/healthz'))?.status === 'ok',
      { withinMs },
    );
  };

  test(
    'runs three servers that find each other by name and form a cluster',
    async () => {
      await settled();
      const nodes = (await pods()).map(({ spec }) => spec.nodeName);
      expect(new Set(nodes)).toEqual(new Set(kubelet.nodes));
      await until(
        'routes',
        async () => Number((await monitor('n-1', '/routez'))?.num_routes ?? 0) > 0,
        { withinMs },
      );
    },
    testMs,
  );

  test(
    'keeps the data of a volume when its pod is deleted with lame duck and SIGTERM',
    async () => {
      await settled();
      await withJetStream(['n-0', 'n-1', 'n-2'], podOf, async (ask) => {
        await ask('$JS.API.STREAM.CREATE.KEPT', {
          name: 'KEPT',
          subjects: ['kept'],
          num_replicas: 3,
          storage: 'file',
        });
        await ask('kept', { hello: 'there' });
      });
      const before = await podOf('n-2');
      await api.delete(`/api/v1/namespaces/${namespace}/pods/n-2`);
      await until(
        'a new pod',
        async () => {
          const [, , now] = await pods();
          return now !== undefined && now.metadata.uid !== before.metadata.uid && isReady(now);
        },
        { withinMs },
      );
      await settled();
      expect(kubelet.logs(namespace, 'n-2').join('\n')).toContain('Entering lame duck mode');
      const after = await podOf('n-2');
      expect(after.status?.podIP).not.toBe(before.status?.podIP);
      const account = join(kubelet.volumePath(namespace, 'n-2', 'data'), 'jetstream', '$G');
      expect(existsSync(join(account, 'streams', 'KEPT'))).toBe(true);
    },
    testMs,
  );

  test(
    'evicts one pod, and a second only when the budget allows it',
    async () => {
      await settled();
      const budgets = `/apis/policy/v1/namespaces/${namespace}/poddisruptionbudgets`;
      const selector = { matchLabels: { app: 'nats' } };
      await api.post(budgets, { metadata: { name: 'n' }, spec: { maxUnavailable: 1, selector } });
      const allowed = async () => {
        type Budget = { readonly status?: { readonly disruptionsAllowed: number } };
        return (await api.get<Budget>(`${budgets}/n`)).status?.disruptionsAllowed;
      };
      const evict = (name: string) =>
        api.post(`/api/v1/namespaces/${namespace}/pods/${name}/eviction`, {
          apiVersion: 'policy/v1',
          kind: 'Eviction',
          metadata: { name },
        });
      await until('one allowed disruption', async () => (await allowed()) === 1, { withinMs });
      const release = await kubelet.holdPod(namespace, 'n-0');
      await until('no allowed disruption', async () => (await allowed()) === 0, { withinMs });
      await expect(evict('n-1')).rejects.toMatchObject({ status: 429 });
      release();
      await until('one allowed disruption', async () => (await allowed()) === 1, { withinMs });
      const { uid } = (await podOf('n-1')).metadata;
      await evict('n-1');
      await until(
        'the end of the pod',
        async () => (await pods()).every(({ metadata }) => metadata.uid !== uid),
        { withinMs },
      );
      await settled();
    },
    testMs,
  );

  test(
    'grows a volume when its claim asks for more',
    async () => {
      const claim = `/api/v1/namespaces/${namespace}/persistentvolumeclaims/data-n-0`;
      await api.patch(claim, { spec: { resources: { requests: { storage: '2Gi' } } } });
      const capacity = async () => (await api.get<Claim>(claim)).status?.capacity?.storage;
      await until('the new capacity', async () => (await capacity()) === '2Gi', { withinMs });
    },
    testMs,
  );

  test(
    'starts a killed server again and counts it',
    async () => {
      await settled();
      await kubelet.killPod(namespace, 'n-1');
      await until('a restart', async () => restartsOf(await podOf('n-1')) > 0, { withinMs });
      const release = await kubelet.holdPod(namespace, 'n-1');
      await until('an unready pod', async () => !isReady(await podOf('n-1')), { withinMs });
      release();
      await settled();
    },
    testMs,
  );

  test(
    'loses the files of a lost volume, and the others bring them back',
    async () => {
      await settled();
      const claims = `/api/v1/namespaces/${namespace}/persistentvolumeclaims/data-n-1`;
      const before = await api.get<Pod>(claims);
      const path = kubelet.volumePath(namespace, 'n-1', 'data');
      await kubelet.loseVolume(namespace, 'n-1');
      expect(existsSync(path)).toBe(false);
      await settled();
      const after = await api.get<Pod>(claims);
      expect(after.metadata.uid).not.toBe(before.metadata.uid);
      const again = kubelet.volumePath(namespace, 'n-1', 'data');
      const stream = join(again, 'jetstream', '$G', 'streams', 'KEPT');
      await until('the stream on the new volume', () => existsSync(stream), { withinMs });
    },
    testMs,
  );

  test(
    'brings a change of a ConfigMap into the file, which a server can reload',
    async () => {
      await settled();
      const text = configuration(namespace, 'max_payload: 123456');
      await api.patch(`/api/v1/namespaces/${namespace}/configmaps/n-config`, {
        data: { 'nats.conf': text },
      });
      const file = join(kubelet.volumePath(namespace, 'n-0', 'config'), 'nats.conf');
      await until('the new text', async () => (await readFile(file, 'utf8')) === text, {
        withinMs,
      });
      await kubelet.exec(namespace, 'n-0', ['nats-server', '-sl=reload=/var/run/nats/nats.pid']);
      await until(
        'the new limit',
        async () => (await monitor('n-0', '/varz'))?.max_payload === 123_456,
        { withinMs },
      );
    },
    testMs,
  );

  test(
    'pretends to run images that are not of NATS',
    async () => {
      const spec = { containers: [{ name: 'any', image: 'example.org/any:1' }] };
      await api.post(`/api/v1/namespaces/${namespace}/pods`, { metadata: { name: 'any' }, spec });
      await until('a ready pod', async () => isReady(await podOf('any')), { withinMs });
      await api.delete(`/api/v1/namespaces/${namespace}/pods/any`);
      await until('the end of the pod', async () => (await pods()).length === 3, { withinMs });
    },
    testMs,
  );

  test(
    'leaves nothing when the namespace is deleted',
    async () => {
      const volumes = ['n-0', 'n-1', 'n-2'].map((pod) =>
        kubelet.volumePath(namespace, pod, 'data'),
      );
      await api.delete(`/api/v1/namespaces/${namespace}`);
      await until(
        'the end of the namespace',
        async () => (await api.find(`/api/v1/namespaces/${namespace}`)) === undefined,
        { withinMs },
      );
      await until('the end of the data', () => !volumes.some(existsSync), { withinMs });
    },
    testMs,
  );
});

function restartsOf(pod: Pod): number {
  const { containerStatuses = [] } = (pod.status ?? {}) as {
    readonly containerStatuses?: readonly { readonly restartCount: number }[];
  };
  return containerStatuses[0]?.restartCount ?? 0;
}

/** Asks one of the servers; what it refuses becomes an error. */
async function withJetStream(
  pods: readonly string[],
  podOf: (name: string) => Promise<Pod>,
  act: (ask: (subject: string, body: object) => Promise<void>) => Promise<void>,
): Promise<void> {
  const servers = await Promise.all(
    pods.map(async (name) => `nats://${(await podOf(name)).status?.podIP}:4222`),
  );
  const broker = new Broker({ servers, name: 'kubelet-test', logger: quiet });
  broker.start();
  const connection = await broker.ready();
  try {
    await act(async (subject, body) => {
      const answer = await connection.request(subject, JSON.stringify(body), { timeout: 10_000 });
      const { error } = answer.json<{ readonly error?: { readonly description: string } }>();
      if (error !== undefined) throw new Error(error.description);
    });
  } finally {
    await connection.close();
    await broker.close();
  }
}
