import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { withCrds } from '@windlass/operator/api/testing/installed.ts';
import {
  type Manifest,
  manifestsIn,
  renderedFiles,
  type Workload,
  workloadsOf,
} from '../../cdk8s/testing/manifests.ts';
import { isRefusal, type KubeApi } from './kube-api.ts';
import { installCrds, publishedCrds } from './published-crds.ts';
import { describeCluster, describeSkipped, freshNamespace } from './testing.ts';

const installMs = 300_000;
const askMs = 60_000;
const strict = 'dryRun=All&fieldValidation=Strict';
/** Kinds of operators that are not here: their schemas are, where they can be had. */
const foreign = /^(barmancloud\.cnpg\.io|postgresql\.cnpg\.io|keda\.sh|monitoring\.coreos\.com)\//;

const files = [...renderedFiles].filter(([path]) => !path.startsWith('kind/'));
const manifests = files.flatMap(([path, text]) =>
  manifestsIn(text).map((manifest) => ({ path, manifest })),
);
const isForeign = (path: string) =>
  manifests.some((each) => each.path === path && foreign.test(each.manifest.apiVersion));
const titled = files.map(([path]) => path).filter((path) => !isForeign(path));
const ofOthers = files.map(([path]) => path).filter(isForeign);

const crds = await publishedCrds();

await describeCluster('an API server', (access) => {
  let api: KubeApi;
  let restricted: string;
  beforeAll(async () => {
    api = await withCrds(access);
    restricted = await freshNamespace(access, {
      'pod-security.kubernetes.io/enforce': 'restricted',
    });
    const names = new Set(manifests.map(({ manifest }) => manifest.metadata.namespace));
    for (const name of names) {
      // Only what is checked needs them: nothing is made in them.
      if (name !== undefined) await api.ensure('/api/v1/namespaces', { metadata: { name } });
    }
  }, installMs);
  afterAll(() => api?.close());

  async function takes(path: string): Promise<void> {
    for (const { manifest } of manifests.filter((each) => each.path === path)) {
      const place = await placeOf(api, manifest);
      await api.patch(`${place}?${strict}`, manifest, 'apply').catch((error: unknown) => {
        throw new Error(`${manifest.kind} ${manifest.metadata.name}`, { cause: error });
      });
    }
  }

  test.each(titled)(
    'takes every manifest of %s, and knows each of its fields',
    (path) => takes(path),
    askMs,
  );

  if (typeof crds === 'string') describeSkipped('with the kinds of others', crds);
  else {
    describe('with the kinds of others', () => {
      beforeAll(() => installCrds(api, crds), installMs);

      test.each(ofOthers)(
        'takes every manifest of %s, and knows each of its fields',
        (path) => takes(path),
        askMs,
      );
    });
  }

  test(
    'refuses a field that it does not know',
    async () => {
      const first = manifests.find(({ manifest }) => manifest.kind === 'Deployment');
      if (first === undefined) throw new Error('There is no Deployment.');
      const place = await placeOf(api, first.manifest);
      const spoilt = { ...first.manifest, spec: { ...Object(first.manifest.spec), replica: 1 } };
      const answer = api.patch(`${place}?${strict}`, spoilt, 'apply');
      await expect(answer).rejects.toThrow(/replica/);
    },
    askMs,
  );

  describe('that admits restricted pods only', () => {
    const workloads = files.flatMap(([path, text]) =>
      workloadsOf(manifestsIn(text)).map((workload) => ({ path, workload })),
    );

    /** The account is the namespace's own; whose token is mounted does not matter here. */
    const admit = ({ spec, claims }: Workload, changes: object = {}) =>
      api.post(`/api/v1/namespaces/${restricted}/pods?${strict}`, {
        metadata: { generateName: 'pod-' },
        spec: {
          ...spec,
          serviceAccountName: 'default',
          // A StatefulSet adds the volumes of its claims.
          volumes: [...(spec.volumes ?? []), ...claims.map((name) => ({ name, emptyDir: {} }))],
          ...changes,
        },
      });

    test.each(workloads.map(({ path, workload }) => [workload.name, path, workload] as const))(
      'admits those of %s in %s',
      async (_, __, workload) => {
        await admit(workload);
      },
      askMs,
    );

    test(
      'refuses one that may become root',
      async () => {
        const [first] = workloads;
        if (first === undefined) throw new Error('There are no pods.');
        const answer = admit(first.workload, { securityContext: {} });
        const refusal = await answer.catch((error: unknown) => error);
        expect(isRefusal(refusal, 403)).toBe(true);
        expect(String(refusal)).toMatch(/runAsNonRoot/);
      },
      askMs,
    );
  });
});

const found = new Map<string, Promise<readonly Resource[]>>();

interface Resource {
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

/** As the server itself says. */
async function placeOf(api: KubeApi, { apiVersion, kind, metadata }: Manifest): Promise<string> {
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const resources = await (found.get(root) ?? discovered(api, root));
  const resource = resources.find((each) => each.kind === kind && !each.name.includes('/'));
  if (resource === undefined) throw new Error(`The server knows no ${apiVersion} ${kind}.`);
  const scope = resource.namespaced ? `/namespaces/${metadata.namespace}` : '';
  return `${root}${scope}/${resource.name}/${metadata.name}`;
}

function discovered(api: KubeApi, root: string): Promise<readonly Resource[]> {
  const answer = api
    .get<{ readonly resources: readonly Resource[] }>(root)
    .then(({ resources }) => resources);
  found.set(root, answer);
  return answer;
}
