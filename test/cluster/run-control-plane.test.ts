import { existsSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { until } from '@windlass/runtime/testing/until.ts';
import { isRefusal, KubeApi } from './kube-api.ts';
import { runControlPlane } from './run-control-plane.ts';
import { describeKubelet } from './testing.ts';

const withinMs = 60_000;
const testMs = 180_000;
const definition = {
  metadata: { name: 'natsclusters.windlass.dev' },
  spec: {
    group: 'windlass.dev',
    scope: 'Namespaced',
    names: { plural: 'natsclusters', singular: 'natscluster', kind: 'NatsCluster' },
    versions: [
      {
        ...{ name: 'v1alpha1', served: true, storage: true },
        schema: {
          openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        },
      },
    ],
  },
};

await describeKubelet('npm run control-plane', () => {
  test(
    'prints where it and its clusters are, stops the operator, and leaves nothing',
    async () => {
      const printed: string[] = [];
      const steps: string[] = [];
      const running = await runControlPlane({
        print: (line) => void printed.push(line),
        say: () => {},
        async startOperator({ kubeconfig }) {
          steps.push(existsSync(kubeconfig) ? 'started' : 'started without a control plane');
          return {
            async stop() {
              steps.push(existsSync(kubeconfig) ? 'stopped' : 'stopped too late');
            },
          };
        },
      });
      try {
        expect(printed).toEqual([`KUBECONFIG=${running.kubeconfig}`]);
        await makeCluster(running.kubeconfig);
        await until('the address of the cluster', () => printed.length === 2, { withinMs });
        expect(printed[1]).toMatch(/^NATS_URL=tls:\/\/127\..*:4222 {2}# NatsCluster default\/one$/);
      } finally {
        await running.stop();
      }
      expect(steps).toEqual(['started', 'stopped']);
      expect(existsSync(running.kubeconfig)).toBe(false);
    },
    testMs,
  );
});

/** A NatsCluster of one pod, whose container is only pretended to run. */
async function makeCluster(kubeconfig: string): Promise<void> {
  const api = await KubeApi.from(kubeconfig);
  await api.post('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', definition);
  const clusters = '/apis/windlass.dev/v1alpha1/namespaces/default/natsclusters';
  await until('the kind', () => isServed(api, clusters), { withinMs });
  await api.post(clusters, {
    ...{ apiVersion: 'windlass.dev/v1alpha1', kind: 'NatsCluster' },
    metadata: { name: 'one' },
    spec: { replicas: 1 },
  });
  await api.post('/api/v1/namespaces/default/pods', {
    metadata: { name: 'one-0', labels: { 'windlass.dev/cluster': 'one' } },
    spec: { containers: [{ name: 'any', image: 'example.org/any' }] },
  });
  api.close();
}

/** A new kind is not found at first, and then for a moment has no storage. */
async function isServed(api: KubeApi, path: string): Promise<boolean> {
  try {
    return (await api.find(path)) !== undefined;
  } catch (error) {
    if (isRefusal(error, 429)) return false;
    throw error;
  }
}
