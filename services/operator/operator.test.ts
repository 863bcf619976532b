import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { startChild } from '@windlass/local/child.ts';
import { repository, temporaryDirectory } from '@windlass/local/directory.ts';
import { freePort } from '@windlass/local/ports.ts';
import { natsUrl } from '@windlass/local/testing.ts';
import { loadConfig } from '@windlass/runtime/config.ts';
import { until } from '@windlass/runtime/testing/until.ts';
import { type ControlPlane, startControlPlane } from '../../test/cluster/control-plane.ts';
import type { KubeApi } from '../../test/cluster/kube-api.ts';
import { describeCluster } from '../../test/cluster/testing.ts';
import { withCrds } from './api/testing/installed.ts';
import { Connections } from './assets/connections.ts';
import type { JetStream } from './assets/jet-stream.ts';
import { streamInfo } from './assets/testing/stream-info.ts';
import { loadOperatorConfig } from './config.ts';
import { type Operator, startOperator } from './operator.ts';
import { service } from './service.ts';

const namespace = 'windlass';
const group = `/apis/windlass.dev/v1alpha1/namespaces/${namespace}`;
const lease = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/windlass-operator`;
/** Streams of this file's own: other files use the same server. */
const own = `OPERATOR${Date.now()}`;

let controlPlane: ControlPlane;
let api: KubeApi;
let server: string;
let connections: Connections;
let jetStream: JetStream;
const running: Operator[] = [];

const environment = (over: Readonly<Record<string, string>> = {}) => ({
  HOST: '127.0.0.1',
  PORT: '0',
  OPS_PORT: '0',
  LOG_LEVEL: 'silent',
  KUBECONFIG: controlPlane.kubeconfig,
  ...over,
});

async function operator(over: Readonly<Record<string, string>> = {}): Promise<Operator> {
  const env = environment(over);
  const started = await startOperator(
    loadConfig(service, env),
    loadOperatorConfig('operator', env),
  );
  running.push(started);
  return started;
}

interface Asset {
  readonly metadata: { readonly generation: number };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly conditions?: readonly { type: string; status: string; reason: string }[];
  };
}

const manifest = (kind: string, name: string, spec: object) => ({
  apiVersion: 'windlass.dev/v1alpha1',
  kind,
  metadata: { name },
  spec: { servers: [server], ...spec },
});

function ready(plural: string, name: string): Promise<Asset> {
  return until(`${plural}/${name} is Ready`, async () => {
    const found = await api.get<Asset>(`${group}/${plural}/${name}`);
    const condition = found.status?.conditions?.find(({ type }) => type === 'Ready');
    const isCurrent = found.status?.observedGeneration === found.metadata.generation;
    return condition?.status === 'True' && isCurrent ? found : undefined;
  });
}

const streamOf = (name: string) => streamInfo(jetStream, name);

async function page(port: number, path: string) {
  const response = await fetch(`http://127.0.0.1:${port}${path}`);
  return { status: response.status, text: await response.text() };
}

// It watches all namespaces and serves the one API of external metrics: with a cluster of its own.
await describeCluster('the operator', () => {
  beforeAll(async () => {
    controlPlane = await startControlPlane();
    api = await withCrds(controlPlane);
    await api.post('/api/v1/namespaces', { metadata: { name: namespace } });
    server = await natsUrl();
    connections = new Connections({ logger: { info: () => {}, warn: () => {} } });
    jetStream = connections.open({ target: 'test', servers: [server], apiPrefix: '$JS.API' });
  }, 300_000);

  afterEach(async () => {
    await Promise.all(running.splice(0).map((operator) => operator.stop()));
  }, 60_000);

  afterAll(async () => {
    const { streams } = (await jetStream?.ask('STREAM.NAMES')) ?? {};
    for (const name of Array.isArray(streams) ? streams : []) {
      if (String(name).includes(own)) await jetStream.ask(`STREAM.DELETE.${name}`);
    }
    await connections?.close();
    api?.close();
    await controlPlane?.stop();
  }, 60_000);

  test('makes what is asked for, on a server that it does not run', async () => {
    const { opsPort } = await operator();
    const stream = `${own}_MADE`;
    await api.post(`${group}/streams`, manifest('Stream', 'made', { name: stream }));
    const ofConsumer = { streamName: stream, durableName: 'worker', ackPolicy: 'explicit' };
    await api.post(`${group}/consumers`, manifest('Consumer', 'worker', ofConsumer));
    await api.post(`${group}/keyvalues`, manifest('KeyValue', 'seats', { bucket: `${own}_SEATS` }));
    await api.post(
      `${group}/objectstores`,
      manifest('ObjectStore', 'files', { bucket: `${own}_FILES` }),
    );
    await ready('streams', 'made');
    await ready('consumers', 'worker');
    await ready('keyvalues', 'seats');
    await ready('objectstores', 'files');
    expect(await streamOf(stream)).toMatchObject({ config: { name: stream } });
    expect(await jetStream.ask(`CONSUMER.INFO.${stream}.worker`)).toMatchObject({ name: 'worker' });
    expect(await streamOf(`KV_${own}_SEATS`)).toBeDefined();
    expect(await streamOf(`OBJ_${own}_FILES`)).toBeDefined();
    const { text } = await page(opsPort, '/metrics');
    expect(text).toContain('windlass_operator_leader{service="operator"} 1');
    expect(text).toMatch(/windlass_operator_objects\{kind="Stream",ready="true",.*\} 1/);
    expect(text).toMatch(
      /windlass_operator_jetstream_calls_total\{api="STREAM.CREATE",outcome="ok"/,
    );
    expect(text).toMatch(
      /windlass_operator_api_calls_total\{verb="apply",resource="streams.status"/,
    );
  }, 120_000);

  test('makes again what somebody has deleted, and tells of it', async () => {
    const { opsPort } = await operator();
    const stream = `${own}_DRIFT`;
    await api.post(`${group}/streams`, manifest('Stream', 'drift', { name: stream }));
    await ready('streams', 'drift');
    await jetStream.ask(`STREAM.DELETE.${stream}`);
    await until('the stream is there again', () => streamOf(stream));
    await until('the repair is counted', async () => {
      const { text } = await page(opsPort, '/metrics');
      return /windlass_operator_drift_repaired_total\{kind="Stream",.*\} 1/.exec(text) ?? undefined;
    });
    await until('the repair is told', async () => {
      const path = `/api/v1/namespaces/${namespace}/events?fieldSelector=involvedObject.name=drift`;
      const { items } = await api.get<{ items: readonly { reason: string }[] }>(path);
      return items.find(({ reason }) => reason === 'DriftRepaired');
    });
  }, 120_000);

  test('keeps a stream whose object goes, and deletes it where the object says so', async () => {
    await operator();
    const [kept, gone] = [`${own}_KEPT`, `${own}_GONE`];
    await api.post(`${group}/streams`, manifest('Stream', 'kept', { name: kept }));
    const deletionPolicy = 'Delete';
    await api.post(`${group}/streams`, manifest('Stream', 'gone', { name: gone, deletionPolicy }));
    await ready('streams', 'kept');
    await ready('streams', 'gone');
    await api.delete(`${group}/streams/kept`);
    await api.delete(`${group}/streams/gone`);
    await until('the stream is deleted', async () =>
      (await streamOf(gone)) === undefined ? true : undefined,
    );
    for (const name of ['kept', 'gone']) {
      await until('the object is gone', async () =>
        (await api.find(`${group}/streams/${name}`)) === undefined ? true : undefined,
      );
    }
    expect(await streamOf(kept)).toBeDefined();
  }, 120_000);

  test('tells the lag of a consumer by the API server', async () => {
    const port = await freePort();
    await api.post(`/api/v1/namespaces/${namespace}/services`, {
      metadata: { name: 'windlass-operator' },
      spec: { type: 'ExternalName', externalName: 'localhost', ports: [{ port }] },
    });
    await operator({ PORT: `${port}`, EXTERNAL_METRICS_SERVICE_PORT: `${port}` });
    const stream = `${own}_LAG`;
    const subjects = [`${stream}.>`];
    await api.post(`${group}/streams`, manifest('Stream', 'lag', { name: stream, subjects }));
    const ofConsumer = { streamName: stream, durableName: 'lagging', ackPolicy: 'explicit' };
    await api.post(`${group}/consumers`, manifest('Consumer', 'lag', ofConsumer));
    await ready('streams', 'lag');
    await ready('consumers', 'lag');
    for (let index = 0; index < 7; index++) await jetStream.request(`${stream}.made`, { index });
    const values = `/apis/external.metrics.k8s.io/v1beta1/namespaces/${namespace}`;
    const path = `${values}/windlass-consumer-lag?labelSelector=consumer%3Dlagging`;
    const item = await until('the lag is told', async () => {
      const { items } = await api.get<{ items: readonly { value: string }[] }>(path);
      return items.find(({ value }) => value === '7');
    });
    expect(item).toMatchObject({ metricLabels: { consumer: 'lag', stream } });
  }, 120_000);

  test('looks at no other namespace than the one it is told', async () => {
    await operator({ WATCH_NAMESPACE: 'elsewhere' });
    const [inside, outside] = [`${own}_INSIDE`, `${own}_OUTSIDE`];
    await api.post('/api/v1/namespaces', { metadata: { name: 'elsewhere' } });
    await api.post(`${group}/streams`, manifest('Stream', 'outside', { name: outside }));
    const elsewhere = '/apis/windlass.dev/v1alpha1/namespaces/elsewhere';
    await api.post(`${elsewhere}/streams`, manifest('Stream', 'inside', { name: inside }));
    await until('the object inside is Ready', async () => {
      const { status } = await api.get<Asset>(`${elsewhere}/streams/inside`);
      return status?.conditions?.find(({ type, status: is }) => type === 'Ready' && is === 'True');
    });
    expect((await api.get<Asset>(`${group}/streams/outside`)).status).toBeUndefined();
    expect(await streamOf(outside)).toBeUndefined();
  }, 120_000);

  test('hands over to another replica, which goes on', async () => {
    const first = await operator({ REPLICA_ID: 'first' });
    await until('the first replica leads', async () => (first.isLeader ? true : undefined));
    const second = await operator({ REPLICA_ID: 'second' });
    await until('the second replica is ready', async () =>
      (await page(second.opsPort, '/readyz')).status === 200 ? true : undefined,
    );
    expect(second.isLeader).toBe(false);
    await first.stop();
    await until('the second replica leads', async () => (second.isLeader ? true : undefined));
    const stream = `${own}_HANDED`;
    await api.post(`${group}/streams`, manifest('Stream', 'handed', { name: stream }));
    await ready('streams', 'handed');
  }, 120_000);

  test('is alive and not ready while there is no API server', async () => {
    const directory = await temporaryDirectory();
    const nowhere = join(directory.path, 'kubeconfig');
    const text = await readFile(controlPlane.kubeconfig, 'utf8');
    await writeFile(nowhere, text.replace(/127\.0\.0\.1:\d+/, `127.0.0.1:${await freePort()}`));
    const { opsPort } = await operator({ KUBECONFIG: nowhere });
    expect((await page(opsPort, '/livez')).status).toBe(200);
    expect((await page(opsPort, '/readyz')).status).toBe(503);
    expect((await page(opsPort, '/health')).text).toContain('"healthy":false');
    await directory.remove();
  }, 60_000);

  test('does not start with a kubeconfig that cannot be read, and does not show its path', async () => {
    await expect(operator({ KUBECONFIG: '/geheim' })).rejects.toThrow(
      /^operator: KUBECONFIG must be a kubeconfig that can be read\.$/,
    );
  });

  test('gives the lease back and ends with 0 on SIGTERM', async () => {
    const lines: string[] = [];
    const child = await startChild({
      command: process.execPath,
      args: ['--import', 'tsx', 'services/operator/main.ts'],
      cwd: repository,
      env: environment({ LOG_LEVEL: 'info', REPLICA_ID: 'process' }),
      onLine: (line) => lines.push(line),
    });
    try {
      await until('the process leads', async () =>
        lines.find((line) => line.includes('this process leads')),
      );
      expect(await child.stop('SIGTERM', 30_000)).toEqual({ code: 0, signal: null });
      const { spec } = await api.get<{ spec: { holderIdentity?: string } }>(lease);
      expect(spec.holderIdentity ?? '').toBe('');
      expect(lines.every((line) => line.startsWith('{'))).toBe(true);
    } finally {
      child.kill('SIGKILL');
    }
  }, 120_000);
});
