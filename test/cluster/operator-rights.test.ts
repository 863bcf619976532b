import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { freePort } from '@windlass/local/ports.ts';
import type { Operator } from '@windlass/operator/operator.ts';
import { until } from '@windlass/runtime/testing/until.ts';
import {
  clusterRules,
  metricsReaderName,
  ownRules,
  watchedRules,
} from '../../cdk8s/operator-rules.ts';
import { auditedRequests } from './audit-log.ts';
import { kubeconfigFor } from './control-plane.ts';
import { KubeApi } from './kube-api.ts';
import { type Observed, Operated } from './operated.ts';
import { bind, grant, granted, refused, used } from './rights.ts';
import { describeKubelet } from './testing.ts';

const minutes = 60_000;
const user = 'system:serviceaccount:windlass-system:windlass-operator';
const ownNamespace = 'windlass-system';
const lease = 'windlass-operator';
const ownService = 'windlass-operator';
const name = 'rights';
const assets = ['consumers', 'streams', 'keyvalues', 'objectstores'] as const;

/**
 * Rights without requests: an admission plugin, which runs here as well, asks for them when a
 * child is to block the deletion of its owner.
 */
const withoutRequest = /^update \w+\/finalizers/;

await describeKubelet('an operator with the rights of its role and no others', () => {
  let operated: Operated;
  let kubeconfig: string;
  beforeAll(async () => {
    operated = await Operated.start({
      operators: 0,
      apiServerFlags: ['--enable-admission-plugins=OwnerReferencesPermissionEnforcement'],
    });
    const { api, controlPlane, namespace } = operated;
    await api.post('/api/v1/namespaces', { metadata: { name: ownNamespace } });
    await grant(api, user, watchedRules, namespace);
    await grant(api, user, ownRules(lease, ownService), ownNamespace);
    await grant(api, user, clusterRules);
    const metadata = { name: metricsReaderName };
    await api.post('/apis/rbac.authorization.k8s.io/v1/clusterroles', { metadata });
    const reader = { kind: 'Role', name: 'extension-apiserver-authentication-reader' };
    await bind(api, user, reader, 'kube-system');
    kubeconfig = await kubeconfigFor(controlPlane, user);
  }, 8 * minutes);
  afterAll(() => operated?.stop(), minutes);

  const cluster = (size: string, annotations: object = {}) => ({
    kind: 'NatsCluster',
    metadata: { name },
    spec: {
      replicas: 1,
      storage: { size, whenDeleted: 'Delete' },
      lameDuck: { durationSeconds: 30, graceSeconds: 1 },
      update: { settleSeconds: 1 },
      pods: { annotations },
    },
  });

  /** Another replica; it serves the external metrics as well. */
  async function startOperator(replica: string, port: number): Promise<Operator> {
    return await operated.startOperator({
      KUBECONFIG: kubeconfig,
      REPLICA_ID: replica,
      POD_NAMESPACE: ownNamespace,
      WATCH_NAMESPACE: operated.namespace,
      EXTERNAL_METRICS_OWNER: metricsReaderName,
      ...{ EXTERNAL_METRICS: 'on', PORT: `${port}`, EXTERNAL_METRICS_SERVICE_PORT: `${port}` },
    });
  }

  async function secret(of: string, namespace = operated.namespace): Promise<Observed | undefined> {
    return await operated.api.find<Observed>(`/api/v1/namespaces/${namespace}/secrets/${of}`);
  }

  async function makeAssets(): Promise<void> {
    const common = { clusterRef: { name }, deletionPolicy: 'Delete' };
    const specs = {
      Stream: { name: 'RIGHTS', subjects: ['rights.>'], storage: 'file' },
      Consumer: { streamName: 'RIGHTS', durableName: 'worker', ackPolicy: 'explicit' },
      KeyValue: { bucket: 'seats' },
      ObjectStore: { bucket: 'files' },
    };
    for (const [kind, spec] of Object.entries(specs)) {
      await operated.apply({ kind, metadata: { name }, spec: { ...common, ...spec } });
    }
    for (const plural of assets) await operated.reaches(plural, name, 'Ready');
  }

  /** A user, whose key is replaced once. */
  async function makeUser(): Promise<void> {
    const pulls = [{ stream: 'RIGHTS', consumer: 'worker' }];
    const spec = { clusterRef: { name }, role: { pulls } };
    await operated.apply({ kind: 'NatsUser', metadata: { name: 'worker' }, spec });
    await operated.reaches('natsusers', 'worker', 'Ready');
    const { status } = await operated.reaches('natsusers', 'worker', 'Ready');
    const secretName = String(status?.secretName ?? 'worker');
    const before = JSON.stringify((await secret(secretName))?.data);
    const annotations = { 'windlass.dev/rotate': 'once' };
    await operated.apply({ kind: 'NatsUser', metadata: { name: 'worker', annotations }, spec });
    await until('the user has another key', async () => {
      const after = JSON.stringify((await secret(secretName))?.data);
      return after !== undefined && after !== before;
    });
  }

  /** Larger volumes and another pod template. */
  async function growAndRoll(): Promise<void> {
    const path = operated.path('pods', `${name}-0`);
    const uid = async () => (await operated.api.find<Observed>(path))?.metadata.uid;
    const before = await uid();
    await operated.apply(cluster('2Gi', { rolled: 'yes' }));
    await until(
      'the server is rolled',
      async () => {
        const now = await uid();
        return now !== undefined && now !== before;
      },
      { withinMs: 4 * minutes },
    );
    await operated.reaches('natsclusters', name, 'Ready', 'True', 4 * minutes);
    await until('the StatefulSet was made anew', async () => {
      const set = await operated.get('statefulsets', name);
      return JSON.stringify(set?.spec?.volumeClaimTemplates)?.includes('2Gi');
    });
  }

  /** The one that takes over finds a certificate that is none, and makes another one. */
  async function handOver(first: Operator): Promise<void> {
    const serving = `/api/v1/namespaces/${ownNamespace}/secrets/${ownService}-serving`;
    const second = await startOperator('second', await freePort());
    await first.stop();
    await operated.api.patch(serving, { stringData: { 'tls.crt': 'broken' } }, 'merge');
    await until('the other one leads', async () => second.isLeader, { withinMs: minutes });
    await until(
      'it has mended the certificate',
      async () => {
        const text = (await secret(`${ownService}-serving`, ownNamespace))?.data?.['tls.crt'] ?? '';
        return Buffer.from(text, 'base64').toString().startsWith('-----BEGIN');
      },
      { withinMs: 2 * minutes },
    );
  }

  async function deleteAll(): Promise<void> {
    for (const plural of [...assets, 'natsusers']) {
      const object = plural === 'natsusers' ? 'worker' : name;
      await operated.api.delete(operated.path(plural, object));
      await until(
        `${plural}/${object} is gone`,
        async () => (await operated.get(plural, object)) === undefined,
        { withinMs: minutes },
      );
    }
    await operated.api.delete(operated.path('natsclusters', name));
    await until(
      'the cluster and its volumes are gone',
      async () => {
        const claims = await operated.api.get<{ readonly items: readonly object[] }>(
          operated.path('persistentvolumeclaims'),
        );
        const object = await operated.get('natsclusters', name);
        return object === undefined && claims.items.length === 0;
      },
      { withinMs: 2 * minutes },
    );
  }

  test('may not do what the role does not name, and the log tells of it', async () => {
    const api = await KubeApi.from(kubeconfig);
    try {
      await expect(api.get('/api/v1/namespaces/default/secrets')).rejects.toThrow('forbidden');
    } finally {
      api.close();
    }
    const requests = await auditedRequests(operated.controlPlane.auditLog, { user });
    expect(refused(requests)).toEqual(['list secrets in default']);
  });

  test(
    'is refused nothing, and makes use of every one of them',
    async () => {
      const port = await freePort();
      await operated.api.post(`/api/v1/namespaces/${ownNamespace}/services`, {
        metadata: { name: ownService },
        spec: { type: 'ExternalName', externalName: 'localhost', ports: [{ port }] },
      });
      const first = await startOperator('first', port);
      await operated.apply(cluster('1Gi'));
      await operated.reaches('natsclusters', name, 'Ready');
      await makeAssets();
      await makeUser();
      await growAndRoll();
      await handOver(first);
      await deleteAll();
      const { auditLog } = operated.controlPlane;
      const all = await auditedRequests(auditLog, { user });
      const requests = all.filter(({ namespace }) => namespace !== 'default');
      expect(refused(requests)).toEqual([]);
      const ours = used(requests.filter(({ namespace }) => namespace !== 'kube-system'));
      const rights = [
        ...granted(watchedRules, operated.namespace),
        ...granted(ownRules(lease, ownService), ownNamespace),
        ...granted(clusterRules),
      ].filter((each) => !withoutRequest.test(each));
      expect(rights.filter((each) => !ours.has(each))).toEqual([]);
      expect([...ours].filter((each) => !rights.includes(each))).toEqual([]);
    },
    15 * minutes,
  );
});
