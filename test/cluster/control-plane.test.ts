import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { expect, test } from '@jest/globals';
import { until } from '@windlass/runtime/testing/until.ts';
import { auditedRequests, countByVerb } from './audit-log.ts';
import { issue, newAuthority } from './certificates.ts';
import { type ControlPlaneAccess, kubeconfigFor, startControlPlane } from './control-plane.ts';
import { type ApiList, type ApiObject, isRefusal, KubeApi } from './kube-api.ts';
import { describeCluster, freshNamespace } from './testing.ts';

const withinMs = 60_000;
const testMs = 120_000;

await describeCluster('a control plane', (access) => {
  test('makes namespaces that have their service account', async () => {
    const namespace = await freshNamespace(access);
    const api = await KubeApi.from(access.kubeconfig);
    const path = `/api/v1/namespaces/${namespace}/configmaps`;
    await api.post(path, { metadata: { name: 'one' }, data: { greeting: 'hello' } });
    const found = await api.get<{ readonly data: unknown }>(`${path}/one`);
    expect(found.data).toEqual({ greeting: 'hello' });
    api.close();
  });

  test('lets a user do what a role says, and counts it', async () => {
    const namespace = await freshNamespace(access);
    const user = `reader-of-${namespace}`;
    const api = await KubeApi.from(await kubeconfigFor(access, user));
    const path = `/api/v1/namespaces/${namespace}/configmaps`;
    await expect(api.get(path)).rejects.toMatchObject({ status: 403, reason: 'Forbidden' });
    await allowReading(access.kubeconfig, namespace, user);
    await api.get(path);
    await expect(api.post(path, { metadata: { name: 'one' } })).rejects.toThrow(user);
    api.close();
    const requests = await auditedRequests(access.auditLog, { user });
    expect(countByVerb(requests)).toEqual({ 'create configmaps': 1, 'list configmaps': 2 });
    expect(requests.map(({ status }) => status)).toEqual([403, 200, 403]);
  });

  test(
    'runs the controllers: a deployment gets its pods',
    async () => {
      const namespace = await freshNamespace(access);
      const api = await KubeApi.from(access.kubeconfig);
      const labels = { app: 'any' };
      await api.post(`/apis/apps/v1/namespaces/${namespace}/deployments`, {
        metadata: { name: 'any' },
        spec: {
          replicas: 2,
          selector: { matchLabels: labels },
          template: {
            metadata: { labels },
            spec: { containers: [{ name: 'any', image: 'example.org/any' }] },
          },
        },
      });
      const path = `/api/v1/namespaces/${namespace}/pods`;
      const pods = async () => (await api.get<ApiList<ApiObject>>(path)).items;
      await until('two pods', async () => (await pods()).length === 2, { withinMs });
      api.close();
    },
    testMs,
  );

  test(
    'forwards the requests of an aggregated API and says from whom they are',
    async () => {
      const namespace = await freshNamespace(access);
      const api = await KubeApi.from(access.kubeconfig);
      const { server, authority, closeNow } = await aggregated(access, namespace);
      const version = 'v1';
      const group = `${namespace}.example.org`;
      const { port } = server.address() as AddressInfo;
      await api.post(`/api/v1/namespaces/${namespace}/services`, {
        metadata: { name: 'aggregated' },
        spec: { type: 'ExternalName', externalName: 'localhost', ports: [{ port }] },
      });
      await api.post('/apis/apiregistration.k8s.io/v1/apiservices', {
        metadata: { name: `${version}.${group}` },
        spec: {
          ...{ group, version, groupPriorityMinimum: 100, versionPriority: 100 },
          service: { namespace, name: 'aggregated', port },
          caBundle: Buffer.from(authority).toString('base64'),
        },
      });
      const path = `/apis/${group}/${version}/anything`;
      await until('the aggregated API', () => isServed(api, path), { withinMs });
      await expect(api.get(path)).resolves.toEqual({ user: 'admin', isProxy: true, path });
      await api.delete(`/apis/apiregistration.k8s.io/v1/apiservices/${version}.${group}`);
      api.close();

      closeNow();
    },
    testMs,
  );
});

await describeCluster('an API server', () => {
  test(
    'keeps its address and what it stores when it is killed and started again',
    async () => {
      const own = await startControlPlane();
      try {
        const api = await KubeApi.from(own.kubeconfig);
        await api.post('/api/v1/namespaces', { metadata: { name: 'kept' } });
        await own.apiServer.stop('SIGKILL');
        await expect(api.get('/api/v1/namespaces/kept')).rejects.toThrow();
        await own.apiServer.start();
        await expect(api.get('/api/v1/namespaces/kept')).resolves.toBeDefined();
        api.close();
      } finally {
        await own.stop();
      }
    },
    testMs,
  );
});

async function allowReading(kubeconfig: string, namespace: string, user: string): Promise<void> {
  const api = await KubeApi.from(kubeconfig);
  const path = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
  await api.post(`${path}/roles`, {
    metadata: { name: 'reader' },
    rules: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list'] }],
  });
  await api.post(`${path}/rolebindings`, {
    metadata: { name: 'reader' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reader' },
    subjects: [{ kind: 'User', name: user }],
  });
  await until('the new role', () => isAllowed(api, namespace, user), { withinMs });
  api.close();
}

/** The authorizer sees a new role a moment after it is stored. */
async function isAllowed(api: KubeApi, namespace: string, user: string): Promise<boolean> {
  const review = await api.post<{ readonly status: { readonly allowed: boolean } }>(
    '/apis/authorization.k8s.io/v1/subjectaccessreviews',
    { spec: { user, resourceAttributes: { namespace, verb: 'list', resource: 'configmaps' } } },
  );
  return review.status.allowed;
}

/** The API server answers 503 until it has reached the server. */
async function isServed(api: KubeApi, path: string): Promise<boolean> {
  try {
    return (await api.find(path)) !== undefined;
  } catch (error) {
    if (isRefusal(error, 503)) return false;
    throw error;
  }
}

/** A server that tells what the API server says of the caller. */
async function aggregated(
  { directory }: ControlPlaneAccess,
  namespace: string,
): Promise<{ readonly server: Server; readonly authority: string; closeNow(): void }> {
  const own = await newAuthority('aggregated-ca');
  const names = [`aggregated.${namespace}.svc`];
  const { certificate: cert, key } = await issue(own, { commonName: 'aggregated', names });
  const ca = await readFile(join(directory, 'proxy-ca.crt'), 'utf8');
  const options = { cert, key, ca, requestCert: true, rejectUnauthorized: false };
  const server = createServer(options, ({ headers, url, socket }, response) => {
    const isProxy = isTls(socket) && socket.authorized;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ user: headers['x-remote-user'], isProxy, path: url }));
  });
  const sockets = new Set<Duplex>();
  server.on('connection', (socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const closeNow = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return { server, authority: own.certificate, closeNow };
}

function isTls(socket: Socket): socket is TLSSocket {
  return 'authorized' in socket;
}
