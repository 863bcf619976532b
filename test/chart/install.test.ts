import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { until } from '@windlass/runtime/testing/until.ts';
import { type ControlPlane, startControlPlane } from '../cluster/control-plane.ts';
import { KubeApi } from '../cluster/kube-api.ts';
import { describeCluster, describeSkipped } from '../cluster/testing.ts';
import { type ChartManifest, chart, findHelm, type Helm } from './rendered-chart.ts';

const startMs = 180_000;
const askMs = 120_000;
const release = ['-n', 'windlass'];
const enforce = 'pod-security.kubernetes.io/enforce';
/** What is said after an installation. */
const next = [
  ...['kubectl -n windlass wait --for=condition=Ready', 'helm test windlass -n windlass'],
  ...['curl https://orders.example.com/', 'order-database-app'],
  `kubectl label namespace windlass ${enforce}=restricted`,
];
const paths = {
  cluster: '/apis/windlass.dev/v1alpha1/namespaces/windlass/natsclusters/nats',
  order: '/apis/apps/v1/namespaces/windlass/deployments/order',
  scaler: '/apis/autoscaling/v2/namespaces/windlass/horizontalpodautoscalers/order',
  namespace: (name: string) => `/api/v1/namespaces/${name}`,
};

interface Scaler {
  readonly spec: { readonly maxReplicas: number };
}

interface Labelled {
  readonly metadata: { readonly labels?: Readonly<Record<string, string>> };
}

const title = 'a release of the chart';
const helm = await findHelm();
if (typeof helm === 'string') describeSkipped(title, helm);
else await describeCluster(title, () => withHelm(helm));

/** It has names of its own, so it gets a cluster of its own, without nodes and empty. */
function withHelm(helm: Helm): void {
  let plane: ControlPlane;
  let api: KubeApi;
  beforeAll(async () => {
    plane = await startControlPlane();
    api = await KubeApi.from(plane.kubeconfig);
  }, startMs);
  afterAll(async () => {
    api?.close();
    await plane?.stop();
  });
  const must = async (...args: readonly string[]) => {
    const { ok, output } = await helm.run(args, { KUBECONFIG: plane.kubeconfig });
    if (!ok) throw new Error(output);
    return output;
  };

  test(
    'is installed into an empty cluster, and says what to do next',
    async () => {
      const said = await must('install', 'windlass', chart, ...release, '--create-namespace');
      for (const sentence of next) expect(said).toContain(sentence);
      expect(await api.find(paths.cluster)).toBeDefined();
      expect(await api.find(paths.order)).toBeDefined();
      const system = await api.get<Labelled>(paths.namespace('windlass-system'));
      expect(system.metadata.labels?.[enforce]).toBe('restricted');
    },
    askMs,
  );

  test(
    'has a test whose pod is admitted where only restricted ones are',
    async () => {
      const labels = { [enforce]: 'restricted' };
      await api.patch(paths.namespace('windlass'), { metadata: { labels } });
      const { tests } = await helm.manifests({}, 'windlass');
      for (const manifest of tests) await admit(api, manifest);
      expect(tests).toHaveLength(4);
    },
    askMs,
  );

  test(
    'follows its values, and comes back',
    async () => {
      const most = async () => (await api.get<Scaler>(paths.scaler)).spec.maxReplicas;
      const change = ['--set', 'autoscaling.replicasMax=4,ingress.enabled=false'];
      const said = await must('upgrade', 'windlass', chart, ...release, ...change);
      expect(await most()).toBe(4);
      expect(said).toContain('port-forward service/order 8080');
      await must('rollback', 'windlass', '1', ...release);
      expect(await most()).toBe(8);
    },
    askMs,
  );

  test(
    'goes without what holds data, and takes it again when it returns',
    async () => {
      await must('uninstall', 'windlass', ...release);
      const isGone = async () => (await api.find(paths.order)) === undefined;
      await until('the services are gone', isGone, { withinMs: askMs / 2 });
      expect(await api.find(paths.cluster)).toBeDefined();
      expect(await api.find(paths.namespace('windlass-system'))).toBeDefined();
      await must('install', 'windlass', chart, ...release);
      expect(await api.find(paths.order)).toBeDefined();
    },
    askMs,
  );
}

/** As if it were made: it is refused where the server would refuse it. */
async function admit(api: KubeApi, manifest: ChartManifest): Promise<void> {
  const isPod = manifest.kind === 'Pod';
  const place = isPod
    ? '/api/v1/namespaces/windlass/pods'
    : '/apis/networking.k8s.io/v1/namespaces/windlass/networkpolicies';
  await api.post(`${place}?dryRun=All&fieldValidation=Strict`, manifest);
}
