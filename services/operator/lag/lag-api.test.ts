import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { freePort } from '@windlass/local/ports.ts';
import { natsUrl } from '@windlass/local/testing.ts';
import { until } from '@windlass/runtime/testing/until.ts';
import { type ControlPlane, startControlPlane } from '../../../test/cluster/control-plane.ts';
import { isRefusal, KubeApi } from '../../../test/cluster/kube-api.ts';
import { describeCluster } from '../../../test/cluster/testing.ts';
import * as core from '../api/core.ts';
import { Connections } from '../assets/connections.ts';
import type { JetStream } from '../assets/jet-stream.ts';
import { HttpClient } from '../control/http-client.ts';
import { type KubeAccess, kubeAccess } from '../control/kube-config.ts';
import type { Consumer } from './consumers.ts';
import { LagApi } from './lag-api.ts';
import { askLeader } from './leader.ts';
import { Registration, type RegistrationOptions } from './registration.ts';

const namespace = 'windlass';
const service = 'windlass-operator';
const apiServices = '/apis/apiregistration.k8s.io/v1/apiservices';
const apiServiceName = 'v1beta1.external.metrics.k8s.io';
const apiService = `${apiServices}/${apiServiceName}`;
const secrets = `/api/v1/namespaces/${namespace}/secrets`;
const values = `/apis/external.metrics.k8s.io/v1beta1/namespaces/${namespace}`;
const lagPath = `${values}/windlass-consumer-lag`;
const stream = `LAG${Date.now()}`;
const dayMs = 86_400_000;
const warnings: string[] = [];
const logger = {
  info: () => {},
  warn: (_: unknown, text?: string) => void warnings.push(`${text}`),
  error: () => {},
};

let controlPlane: ControlPlane;
let api: KubeApi;
let access: KubeAccess;

// There is one API of external metrics in a cluster: the shared one cannot be used.
await describeCluster('external metrics', () => {
  beforeAll(async () => {
    controlPlane = await startControlPlane();
    api = await KubeApi.from(controlPlane.kubeconfig);
    access = kubeAccess({ kubeconfig: controlPlane.kubeconfig });
    await api.post('/api/v1/namespaces', { metadata: { name: namespace } });
  }, 300_000);
  afterAll(async () => {
    await access?.close();
    api?.close();
    await controlPlane?.stop();
  }, 60_000);

  describe('their registration', registrationTests);
  describe('the owner of their registration', ownerTests);
  describe('their values', valueTests);
});

const place = { namespace, name: service, port: 443 };

function registration(over: Partial<RegistrationOptions> = {}): Registration {
  const kube = new HttpClient({ access });
  return new Registration({
    ...{ kube, isLeader: () => true, service: place, logger, now: Date.now },
    ...over,
  });
}

interface Stored {
  readonly metadata: { readonly resourceVersion: string };
}
interface ApiService extends Stored {
  readonly spec: { readonly service: object; readonly caBundle: string };
}
const trusted = async () => {
  const { spec } = await api.get<ApiService>(apiService);
  const bundle = Buffer.from(spec.caBundle, 'base64').toString();
  return (bundle.match(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----/g) ?? []).map(
    (pem) => new X509Certificate(pem),
  );
};
const isTrusted = async (pem = '') => {
  const certificate = new X509Certificate(pem);
  return (await trusted()).some(({ publicKey }) => certificate.verify(publicKey));
};

async function unregister(): Promise<void> {
  const kube = new HttpClient({ access });
  await kube.delete(core.apiServices, { name: apiServiceName });
  await kube.delete(core.secrets, { namespace, name: `${service}-serving` });
}

function registrationTests(): void {
  beforeEach(unregister);
  afterAll(unregister);

  test('makes a certificate and has the API server trust it', async () => {
    const made = await registration().sync();
    expect(await api.get<ApiService>(apiService)).toMatchObject({ spec: { service: place } });
    expect(await isTrusted(made?.certificate)).toBe(true);
  });

  test('writes nothing while all is as it should be', async () => {
    const first = await registration().sync();
    const stored = async () => {
      const found = [
        await api.get<Stored>(`${secrets}/${service}-serving`),
        await api.get<ApiService>(apiService),
      ];
      return found.map((each) => JSON.stringify('spec' in each ? each.spec : each.metadata));
    };
    const before = await stored();
    expect(await registration().sync()).toEqual(first);
    expect(await stored()).toEqual(before);
  });

  test('repairs what somebody has changed', async () => {
    await registration().sync();
    await api.patch(apiService, { spec: { caBundle: null, insecureSkipTLSVerify: true } });
    await api.patch(`${secrets}/${service}-serving`, { data: { 'tls.key': 'bm9uZQ==' } });
    const made = await registration().sync();
    expect(await isTrusted(made?.certificate)).toBe(true);
    expect(await registration({ isLeader: () => false }).sync()).toMatchObject({
      certificate: made?.certificate,
    });
  });

  test('renews in time, and trusts the certificate before as well', async () => {
    const first = await registration().sync();
    const second = await registration({ now: () => Date.now() + 61 * dayMs }).sync();
    expect(second?.certificate).not.toBe(first?.certificate);
    expect(await isTrusted(first?.certificate)).toBe(true);
    expect(await isTrusted(second?.certificate)).toBe(true);
  });

  test('is the business of the leader alone', async () => {
    const follower = registration({ isLeader: () => false });
    expect(await follower.sync()).toBeUndefined();
    expect(await api.find(apiService)).toBeUndefined();
    const made = await registration().sync();
    expect(await follower.sync()).toEqual(made);
  });

  test('leaves the server of somebody else in its place', async () => {
    await api.post(apiServices, {
      metadata: { name: apiServiceName },
      spec: {
        group: 'external.metrics.k8s.io',
        version: 'v1beta1',
        groupPriorityMinimum: 100,
        versionPriority: 100,
        insecureSkipTLSVerify: true,
        service: { namespace: 'keda', name: 'keda-operator-metrics-apiserver', port: 443 },
      },
    });
    await registration().sync();
    expect(await api.get<ApiService>(apiService)).toMatchObject({
      spec: { service: { namespace: 'keda' } },
    });
    expect(warnings).toContain('external metrics are served by another server');
  });
}

function ownerTests(): void {
  const roles = '/apis/rbac.authorization.k8s.io/v1/clusterroles';
  const owner = 'reads-external-metrics';
  beforeEach(unregister);
  afterAll(unregister);

  test('is waited for, and without it nothing is registered', async () => {
    await expect(registration({ owner }).sync()).rejects.toThrow(`no ClusterRole ${owner}`);
    expect(await api.find(apiService)).toBeUndefined();
  });

  test('takes the registration with it, of which the API server would ask for ever', async () => {
    await registration().sync();
    await api.post(roles, { metadata: { name: owner } });
    await registration({ owner }).sync();
    expect(await api.get<ApiService>(apiService)).toMatchObject({
      metadata: { ownerReferences: [{ name: owner }] },
    });
    const kube = new HttpClient({ access }).fencedBy(() => {
      throw new Error('it has written');
    });
    await registration({ owner, kube }).sync();
    await api.delete(`${roles}/${owner}`);
    await until(async () => (await api.find(apiService)) === undefined);
    await expect(registration({ owner }).sync()).rejects.toThrow(`no ClusterRole ${owner}`);
    expect(await api.find(apiService)).toBeUndefined();
  });
}

let connections: Connections;
let jetStream: JetStream;
let leader: LagApi;
let follower: LagApi;

const consumer = (name: string): Consumer => ({
  name,
  durable: `${name}-durable`,
  stream,
  cluster: 'main',
  account: 'APP',
  identity: name,
  object: { apiVersion: 'windlass.dev/v1alpha1', kind: 'Consumer', metadata: { name } },
});

function lagApi(port: number, isLeader: boolean): LagApi {
  const kube = new HttpClient({ access }).fencedBy(() => {
    if (!isLeader) throw new Error('a follower has written');
  });
  const registration = new Registration({
    kube,
    isLeader: () => isLeader,
    service: { namespace, name: service, port },
    logger,
    now: Date.now,
  });
  return new LagApi({
    kube,
    registration,
    consumersIn: (asked) => (asked === namespace ? [consumer('worker'), consumer('missing')] : []),
    ask: askLeader(async () => jetStream),
    host: '127.0.0.1',
    port,
    logger,
  });
}

async function publish(count: number): Promise<void> {
  for (let index = 0; index < count; index++) await jetStream.request(`${stream}.made`, { index });
}

interface Values {
  readonly items: readonly { readonly value: string; readonly metricLabels: object }[];
}
const lagOf = (selector: string) =>
  api.get<Values>(`${lagPath}?labelSelector=${encodeURIComponent(selector)}`);

interface ApiService {
  readonly status: { readonly conditions: readonly { type: string; status: string }[] };
}

async function startBoth(): Promise<void> {
  const port = await freePort();
  await api.post(`/api/v1/namespaces/${namespace}/services`, {
    metadata: { name: service },
    spec: { type: 'ExternalName', externalName: 'localhost', ports: [{ port }] },
  });
  connections = new Connections({ logger });
  const servers = [await natsUrl()];
  jetStream = connections.open({ target: 'test', servers, apiPrefix: '$JS.API' });
  await jetStream.ask(`STREAM.CREATE.${stream}`, { name: stream, subjects: [`${stream}.>`] });
  const durable = consumer('worker').durable;
  await jetStream.ask(`CONSUMER.DURABLE.CREATE.${stream}.${durable}`, {
    stream_name: stream,
    config: { durable_name: durable, ack_policy: 'explicit' },
  });
  leader = lagApi(port, true);
  follower = lagApi(await freePort(), false);
  leader.start();
  follower.start();
}

function valueTests(): void {
  beforeAll(startBoth, 60_000);
  afterAll(async () => {
    await Promise.all([leader?.stop(), follower?.stop()]);
    await jetStream?.ask(`STREAM.DELETE.${stream}`);
    await connections?.close();
  }, 60_000);

  test('become available', async () => {
    await until('the API is available', async () => {
      const { status } = await api.get<ApiService>(apiService);
      return status.conditions.find(
        ({ type, status: is }) => type === 'Available' && is === 'True',
      );
    });
    expect(await api.get('/apis/external.metrics.k8s.io/v1beta1')).toMatchObject({
      kind: 'APIResourceList',
    });
  }, 120_000);

  test('are served by a replica that does not lead, with the certificate that the leader made', async () => {
    expect(await until('the follower listens', async () => follower.port)).toBeGreaterThan(0);
    expect(
      await until('the follower serves', async () =>
        follower.reason === undefined ? 'serves' : undefined,
      ),
    ).toBe('serves');
  }, 60_000);

  test('are the number of messages that the leader of the consumer counts', async () => {
    await publish(30);
    const list = await until('the lag is 30', async () => {
      const found = await lagOf('consumer=worker');
      return found.items[0]?.value === '30' ? found : undefined;
    });
    expect(list.items[0]?.metricLabels).toMatchObject({ consumer: 'worker', stream });
  }, 60_000);

  test('are an error when a consumer is missing', async () => {
    const error: unknown = await lagOf('consumer=missing').catch((cause: unknown) => cause);
    expect(isRefusal(error, 404)).toBe(true);
    expect(String(error)).toContain('consumer not found');
  }, 60_000);

  test('scale a Deployment up, and leave it alone when there is no number', async () => {
    await api.post(`/apis/apps/v1/namespaces/${namespace}/deployments`, deployment('worker'));
    await api.post(hpas, autoscaler('worker'));
    const scaled = await until('the autoscaler wants three', async () => {
      const found = await api.get<Autoscaler>(`${hpas}/worker`);
      return found.status.desiredReplicas === 3 ? found : undefined;
    });
    expect(scaled.status.desiredReplicas).toBe(3);
    const { spec } = await until('the Deployment has three', async () => {
      const found = await api.get<{ readonly spec: { readonly replicas: number } }>(
        `/apis/apps/v1/namespaces/${namespace}/deployments/worker`,
      );
      return found.spec.replicas === 3 ? found : undefined;
    });
    expect(spec.replicas).toBe(3);
    await jetStream.ask(`CONSUMER.DELETE.${stream}.${consumer('worker').durable}`);
    const failing = await until('the autoscaler fails', async () => {
      const found = await api.get<Autoscaler>(`${hpas}/worker`);
      const active = found.status.conditions?.find(({ type }) => type === 'ScalingActive');
      return active?.status === 'False' ? { ...active, ...found.status } : undefined;
    });
    expect(failing.reason).toBe('FailedGetExternalMetric');
    expect(failing.desiredReplicas).toBe(3);
  }, 120_000);
}

const hpas = `/apis/autoscaling/v2/namespaces/${namespace}/horizontalpodautoscalers`;
interface Autoscaler {
  readonly status: {
    readonly desiredReplicas: number;
    readonly conditions?: readonly { type: string; status: string; reason: string }[];
  };
}

function deployment(name: string) {
  const labels = { app: name };
  const containers = [{ name, image: 'none' }];
  return {
    metadata: { name },
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers } },
    },
  };
}

function autoscaler(name: string) {
  const metric = {
    name: 'windlass-consumer-lag',
    selector: { matchLabels: { consumer: name, stream } },
  };
  return {
    metadata: { name },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name },
      minReplicas: 1,
      maxReplicas: 10,
      metrics: [
        {
          type: 'External',
          external: { metric, target: { type: 'AverageValue', averageValue: '10' } },
        },
      ],
    },
  };
}
