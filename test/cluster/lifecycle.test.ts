import { X509Certificate } from 'node:crypto';
import { connect } from 'node:net';
import { connect as secure } from 'node:tls';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { until } from '@windlass/runtime/testing/until.ts';
import { type Observed, Operated } from './operated.ts';
import { describeKubelet } from './testing.ts';

const minutes = 60_000;
const name = 'small';
const group = '/apis/windlass.dev/v1alpha1';

await describeKubelet('a NatsCluster of one server', () => {
  let operated: Operated;
  beforeAll(async () => {
    operated = await Operated.start();
    await operated.apply({ kind: 'NatsCluster', metadata: { name }, spec: { replicas: 1 } });
    await operated.reaches('natsclusters', name, 'Ready');
  }, 8 * minutes);
  afterAll(() => operated?.stop(), minutes);

  const fileOf = async (plural: string, object: string, key: string): Promise<string> => {
    const text = (await operated.get(plural, object))?.data?.[key] ?? '';
    return plural === 'secrets' ? Buffer.from(text, 'base64').toString() : text;
  };

  /** SHA-256 of the certificate that the server shows to a client that trusts `c-ca`. */
  async function shown(): Promise<string> {
    const [host = ''] = await operated.addresses(name);
    const ca = await fileOf('configmaps', `${name}-ca`, 'ca.crt');
    const servername = `${name}.${operated.namespace}.svc`;
    return await new Promise((resolve, reject) => {
      const plain = connect(4222, host);
      plain.on('error', reject);
      // The server greets in plain text before it begins TLS.
      plain.once('data', () => {
        const socket = secure({ socket: plain, ca, servername }, () => {
          resolve(socket.getPeerX509Certificate()?.fingerprint256 ?? '');
          socket.destroy();
        });
        socket.on('error', reject);
      });
    });
  }

  test('tells in the metrics that its server is up, and what it may store', async () => {
    const cluster = `namespace="${operated.namespace}",cluster="${name}"`;
    const server = `${cluster},server="${name}-0",service="operator"`;
    const metrics = await operated.metrics();
    expect(metrics).toContain(`windlass_nats_server_up{${server}} 1`);
    // Four fifths of the volume of 10 GiB.
    expect(metrics).toContain(`windlass_nats_server_storage_limit_bytes{${server}} 8589934592`);
    expect(metrics).toContain(`windlass_nats_cluster_members{${cluster},service="operator"} 1`);
    expect(metrics).toContain(
      `windlass_nats_cluster_ready_members{${cluster},service="operator"} 1`,
    );
  });

  test(
    'serves a new certificate without a restart when the old one is gone',
    async () => {
      const before = await shown();
      const [pod] = await pods();
      await operated.api.delete(operated.path('secrets', `${name}-server-tls`));
      await until('another certificate is shown', async () => (await shown()) !== before);
      const now = new X509Certificate(await fileOf('secrets', `${name}-server-tls`, 'tls.crt'));
      expect(await shown()).toBe(now.fingerprint256);
      await operated.reaches('natsclusters', name, 'Ready');
      expect((await pods())[0]?.metadata.uid).toBe(pod?.metadata.uid);
    },
    4 * minutes,
  );

  test(
    'replaces its own authority, and no client meets a server that it does not trust',
    async () => {
      // Everybody has a quarter of `renewBefore` to take note of what is trusted.
      const spec = { replicas: 1, tls: { duration: '10m', renewBefore: '24s' } };
      const authorities = async () =>
        (await fileOf('configmaps', `${name}-ca`, 'ca.crt')).match(/BEGIN CERTIFICATE/g)?.length;
      const before = await fileOf('configmaps', `${name}-ca`, 'ca.crt');
      const [pod] = await pods();
      const annotations = { 'windlass.dev/rotate': 'once' };
      await operated.apply({ kind: 'NatsCluster', metadata: { name, annotations }, spec });
      let [seen, connected, refused] = [0, 0, 0];
      await until(
        'the old authority is dropped',
        async () => {
          const count = (await authorities()) ?? 0;
          seen = Math.max(seen, count);
          await shown().then(
            () => connected++,
            () => refused++,
          );
          return seen === 2 && count === 1;
        },
        { withinMs: 3 * minutes, everyMs: 200 },
      );
      expect({ refused, hasConnected: connected > 20 }).toEqual({ refused: 0, hasConnected: true });
      const after = await fileOf('configmaps', `${name}-ca`, 'ca.crt');
      expect(after).not.toBe(before);
      const certificate = new X509Certificate(
        await fileOf('secrets', `${name}-server-tls`, 'tls.crt'),
      );
      expect(certificate.verify(new X509Certificate(after).publicKey)).toBe(true);
      expect(await shown()).toBe(certificate.fingerprint256);
      await operated.reaches('natsclusters', name, 'Ready');
      expect((await pods())[0]?.metadata.uid).toBe(pod?.metadata.uid);
    },
    5 * minutes,
  );

  async function pods(): Promise<readonly Observed[]> {
    const path = `${operated.path('pods')}?labelSelector=windlass.dev/cluster=${name}`;
    return (await operated.api.get<{ readonly items: readonly Observed[] }>(path)).items;
  }

  test(
    'lets a namespace go with everything in it, and keeps what is in NATS',
    async () => {
      await operated.apply({
        kind: 'NatsCluster',
        metadata: { name },
        spec: { replicas: 1, allowedNamespaces: { from: 'All' } },
      });
      await operated.api.post('/api/v1/namespaces', { metadata: { name: 'doomed' } });
      const clusterRef = { name, namespace: operated.namespace };
      const path = `${group}/namespaces/doomed/streams`;
      await operated.api.post(path, {
        apiVersion: 'windlass.dev/v1alpha1',
        kind: 'Stream',
        metadata: { name: 'kept' },
        spec: {
          ...{ clusterRef, name: 'KEPT', subjects: ['kept.>'], storage: 'file' },
          deletionPolicy: 'Delete',
        },
      });
      await until('the stream is Ready', async () => {
        const { status } = await operated.api.get<Observed>(`${path}/kept`);
        const ready = status?.conditions?.find(({ type }) => type === 'Ready');
        return ready?.status === 'True';
      });
      await operated.api.delete('/api/v1/namespaces/doomed');
      const isGone = async () =>
        (await operated.api.find('/api/v1/namespaces/doomed')) === undefined;
      await until('the namespace is gone', isGone, { withinMs: 3 * minutes });
      // The stamp on it names an object that is gone: this one takes it over.
      await operated.apply({
        kind: 'Stream',
        metadata: { name: 'kept', annotations: { 'windlass.dev/adopt': 'force' } },
        spec: { clusterRef: { name }, name: 'KEPT', subjects: ['kept.>'], storage: 'file' },
      });
      await operated.reaches('streams', 'kept', 'Ready');
    },
    6 * minutes,
  );

  test(
    'says what is wrong with an object, and mends itself when that is mended',
    async () => {
      const spec = { clusterRef: { name: 'missing' }, name: 'LATE', subjects: ['late.>'] };
      await operated.apply({ kind: 'Stream', metadata: { name: 'late' }, spec });
      const late = await operated.reaches('streams', 'late', 'Ready', 'False');
      const reason = late.status?.conditions?.find(({ type }) => type === 'Ready')?.reason;
      expect(reason).toBe('ClusterNotFound');
      const missing = { kind: 'NatsCluster', metadata: { name: 'missing' }, spec: { replicas: 1 } };
      await operated.apply(missing);
      await operated.reaches('streams', 'late', 'Ready');
    },
    4 * minutes,
  );
});
