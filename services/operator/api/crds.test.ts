import { request } from 'node:https';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { KubeApi } from '../../../test/cluster/kube-api.ts';
import { readKubeconfig } from '../../../test/cluster/kubeconfig.ts';
import { describeCluster, freshNamespace } from '../../../test/cluster/testing.ts';
import type { KubeObject } from '../control/objects.ts';
import { group, version } from './kinds.ts';
import { definitions } from './render.ts';
import { withCrds } from './testing/installed.ts';
import { least } from './testing/refusals.ts';

const installMs = 180_000;
const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const ready = {
  type: 'Ready',
  status: 'True',
  reason: 'Ready',
  message: 'All is as wanted.',
  lastTransitionTime: '2026-01-01T00:00:00Z',
};

interface Table {
  readonly columnDefinitions: readonly { readonly name: string; readonly priority: number }[];
  readonly rows: readonly { readonly cells: readonly unknown[] }[];
}

/** A status of each kind, and what `kubectl get -o wide` then shows of it. */
const shown: Readonly<Record<string, readonly [status: object, cells: Record<string, unknown>]>> = {
  NatsCluster: [
    {
      replicas: 3,
      readyReplicas: 2,
      version: '2.15.1',
      metaLeader: 'shop-1',
      selector: 'windlass.dev/cluster=shop',
      rollout: { step: 'Evicting', victim: 'shop-0', blockedBy: [] },
      members: [{ name: 'shop-0', ready: true, lag: 4 }],
    },
    { Replicas: 3, Up: 2, Version: '2.15.1', 'Meta Leader': 'shop-1', Victim: 'shop-0' },
  ],
  Stream: [
    { state: { messages: 12, bytes: 3_400, consumers: 2 }, cluster: { leader: 'shop-2' } },
    { Stream: 'orders', Messages: 12, Bytes: 3_400, Consumers: 2, Leader: 'shop-2' },
  ],
  Consumer: [
    { pending: 5, ackPending: 3, lag: 8, redelivered: 1 },
    { Stream: 'orders', Consumer: 'billing', Pending: 5, 'Ack Pending': 3, Lag: 8, Redelivered: 1 },
  ],
  KeyValue: [{ state: { values: 7, bytes: 70 } }, { Bucket: 'stock', Values: 7, Bytes: 70 }],
  ObjectStore: [{ state: { bytes: 9_000 } }, { Bucket: 'invoices', Bytes: 9_000 }],
  NatsUser: [
    { account: 'APP', secretName: 'billing', publicKeys: ['U'] },
    { Cluster: 'shop', Account: 'APP', Secret: 'billing' },
  ],
  Account: [{ connectedServer: 'shop-0' }, { Connected: 'shop-0' }],
};

await describeCluster('an API server with the CRDs', (access) => {
  let api: KubeApi;
  let namespace: string;
  const pathOf = (plural: string) => `/apis/${group}/${version}/namespaces/${namespace}/${plural}`;
  const kinds = definitions.map(({ resource }) => [resource.kind, resource.plural] as const);
  const statusOf = (kind: string) => ({
    apiVersion: `${group}/${version}`,
    kind,
    metadata: { name: 'shown' },
    status: { observedGeneration: 1, conditions: [ready], ...shown[kind]?.[0] },
  });

  beforeAll(async () => {
    api = await withCrds(access);
    namespace = await freshNamespace(access);
    for (const [kind, plural] of kinds) {
      const object = { ...statusOf(kind), status: undefined, spec: least[kind] };
      await api.post(pathOf(plural), object);
    }
  }, installMs);
  afterAll(() => api?.close());

  test.each(kinds)(
    'serves %s without complaint',
    async (_, plural) => {
      const crd = await api.get<KubeObject>(`${crds}/${plural}.${group}`);
      expect(crd.status).toMatchObject({
        acceptedNames: { categories: ['nats', 'windlass'] },
        conditions: expect.arrayContaining([
          expect.objectContaining({ type: 'NamesAccepted', status: 'True' }),
          expect.objectContaining({ type: 'Established', status: 'True' }),
        ]),
      });
      const types = (crd.status as { conditions: readonly { type: string }[] }).conditions;
      expect(types.map(({ type }) => type)).not.toContain('NonStructuralSchema');
    },
    60_000,
  );

  test.each(kinds)(
    'keeps the whole status of %s and shows its live numbers',
    async (kind, plural) => {
      const wanted = statusOf(kind);
      const path = `${pathOf(plural)}/shown/status`;
      const stored = await api.patch<KubeObject>(path, wanted, 'apply');
      expect(stored.status).toEqual(wanted.status);
      const { columnDefinitions, rows } = await tableOf(access.kubeconfig, pathOf(plural));
      const cells = Object.fromEntries(
        columnDefinitions.map(({ name }, index) => [name, rows[0]?.cells[index]]),
      );
      expect(cells).toMatchObject({ Name: 'shown', Ready: 'True', ...shown[kind]?.[1] });
    },
    60_000,
  );

  test.each(kinds)(
    'keeps one condition of %s for each type, whoever applies them',
    async (kind, plural) => {
      const path = `${pathOf(plural)}/shown/status?fieldManager=other&force=true`;
      const other = { ...ready, type: 'Other' };
      const status = { ...statusOf(kind), status: { conditions: [other] } };
      const both = { ...statusOf(kind), status: { conditions: [ready, ready] } };
      await api.patch(`${pathOf(plural)}/shown/status`, statusOf(kind), 'apply');
      const stored = await applyAs(access.kubeconfig, path, status);
      const conditions = (stored.status as { conditions: readonly { type: string }[] }).conditions;
      expect(conditions.map(({ type }) => type).sort()).toEqual(['Other', 'Ready']);
      await expect(api.patch(path.split('?')[0] ?? '', both, 'merge')).rejects.toThrow('Duplicate');
    },
    60_000,
  );

  test.each(kinds)(
    'drops fields that %s does not have',
    async (kind, plural) => {
      const spec = { ...least[kind], strange: true };
      const object = { ...statusOf(kind), metadata: { name: 'strange' }, spec };
      const stored = await api.post<KubeObject>(pathOf(plural), object);
      expect(stored.spec).not.toHaveProperty('strange');
      expect(stored).not.toHaveProperty('status');
    },
    60_000,
  );

  test('keeps free configuration as it is', async () => {
    const merge = { mqtt: { port: 1883, deep: [{ any: true }] }, debug: false };
    const cluster = { ...statusOf('NatsCluster'), metadata: { name: 'free' } };
    const stored = await api.post<KubeObject>(pathOf('natsclusters'), {
      ...cluster,
      spec: { config: { merge } },
    });
    expect(stored).toMatchObject({ spec: { config: { merge } } });
  }, 60_000);

  test('scales a cluster through its subresource', async () => {
    const path = `${pathOf('natsclusters')}/shown`;
    await api.patch(`${path}/status`, statusOf('NatsCluster'), 'apply');
    const scale = await api.patch<KubeObject>(`${path}/scale`, { spec: { replicas: 5 } });
    expect(scale).toMatchObject({
      kind: 'Scale',
      spec: { replicas: 5 },
      status: { replicas: 3, selector: 'windlass.dev/cluster=shop' },
    });
    await expect(api.patch(`${path}/scale`, { spec: { replicas: 4 } })).rejects.toThrow(
      'replicas is 1, 3 or 5',
    );
  }, 60_000);
});

async function tableOf(kubeconfig: string, path: string): Promise<Table> {
  const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
  return (await ask(kubeconfig, 'GET', path, { accept })) as Table;
}

async function applyAs(kubeconfig: string, path: string, object: unknown): Promise<KubeObject> {
  const headers = { 'content-type': 'application/apply-patch+yaml' };
  return (await ask(kubeconfig, 'PATCH', path, headers, JSON.stringify(object))) as KubeObject;
}

async function ask(
  kubeconfig: string,
  method: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  body?: string,
): Promise<unknown> {
  const { server, authority, certificate, key } = await readKubeconfig(kubeconfig);
  const text = await new Promise<string>((resolve, reject) => {
    const options = { method, headers, ca: authority, cert: certificate, key };
    const sent = request(new URL(path, server), options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve(Buffer.concat(chunks).toString()));
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(body);
  });
  return JSON.parse(text);
}
