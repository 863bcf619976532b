import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { repository } from '@windlass/local/directory.ts';
import { parse } from 'yaml';
import { checksumOf } from '../../cdk8s/configuration.ts';
import { environmentNamed } from '../../cdk8s/environments.ts';
import { replicaRange } from '../../cdk8s/helm/figures.ts';
import { leavesOf } from '../../cdk8s/helm/slots.ts';
import { type ChartValues, defaultsOf, environmentWith } from '../../cdk8s/helm/values.ts';
import { metricsReaderName } from '../../cdk8s/operator-rules.ts';
import { renderedOf } from '../../cdk8s/rendering.ts';
import { type Manifest, manifestsIn, services } from '../../cdk8s/testing/manifests.ts';
import {
  byName,
  chart,
  chartFiles,
  describeHelm,
  forKubernetes,
  isKept,
} from './rendered-chart.ts';

const askMs = 60_000;
const prod = environmentNamed('prod');
const usual = defaultsOf(prod);
const range = replicaRange(services, prod);

/** Each value another one than usual. */
const others: ChartValues = {
  namespaces: { create: false },
  image: { prefix: 'registry.example.org:5000/shop/', tag: `1.2.3@sha256:${'b'.repeat(64)}` },
  logLevel: 'warn',
  nats: {
    ...{ image: 'registry.example.org/nats:2.15.1', storage: '71680Mi', storageClass: 'fast' },
    ...{ cpu: '1500m', memory: '3Gi' },
  },
  databases: {
    ...{ cloudnativePg: true, storage: '80Gi', storageClass: 'faster' },
    backups: {
      destination: 's3://backups/of-the-shop',
      endpoint: 'https://objects.example.org',
      secret: 'backup-keys',
    },
  },
  provider: { url: 'http://payments.example.org:8443/v2' },
  ingress: {
    ...{ enabled: false, host: 'api.example.org', className: 'traefik', tlsSecret: 'api-tls' },
    controllerNamespace: 'traefik',
  },
  autoscaling: {
    ...{ mode: 'keda', replicasMax: range.min, cpuPercent: 55 },
    ...{ downAfterSeconds: 90, downPercent: 10 },
  },
  monitoring: { enabled: true, namespace: 'watchers' },
};

/** What cdk8s renders of these values, with the parts of others that they switch on. */
function renderedWith(values: ChartValues): readonly Manifest[] {
  const { mode } = values.autoscaling;
  const folders = [
    'prod/',
    ...(values.databases.cloudnativePg ? ['prod-addons/cloudnative-pg/'] : []),
    ...(mode === 'keda' ? ['prod-addons/keda/'] : []),
    ...(values.monitoring.enabled ? ['prod-addons/monitoring/'] : []),
  ];
  return [...renderedOf(environmentWith(prod, values), services).files]
    .filter(([path]) => folders.some((folder) => path.startsWith(folder)))
    .flatMap(([, text]) => manifestsIn(text))
    .filter(({ kind }) => kind !== 'Namespace' || values.namespaces.create)
    .filter(({ kind }) => kind !== 'Ingress' || values.ingress.enabled)
    .filter(({ kind }) => kind !== 'HorizontalPodAutoscaler' || mode !== 'keda')
    .filter(({ metadata }) => metadata.name !== metricsReaderName || mode === 'external');
}

const withAutoscaling = (change: Partial<ChartValues['autoscaling']>): ChartValues => ({
  ...usual,
  autoscaling: { ...usual.autoscaling, ...change },
});
const withProvider = (url: string): ChartValues => ({ ...usual, provider: { url } });

await describeHelm('the chart', (helm) => {
  test(
    'has nothing that Helm would warn of',
    async () => {
      const { ok, output } = await helm.run(['lint', '--strict', chart, ...forKubernetes]);
      expect(output).toMatch(/1 chart\(s\) linted, 0 chart\(s\) failed/);
      expect(output).not.toMatch(/WARNING|ERROR/);
      expect(ok).toBe(true);
    },
    askMs,
  );

  test(
    'is k8s/prod unless it is told otherwise',
    async () => {
      const folder = join(repository, 'k8s', 'prod');
      const committed = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'));
      const { installed } = await helm.manifests();
      expect(byName(installed)).toEqual(byName(committed.flatMap(manifestsIn)));
    },
    askMs,
  );

  const cases: readonly (readonly [title: string, values: ChartValues])[] = [
    ['everything switched on', { ...others, namespaces: usual.namespaces, ingress: usual.ingress }],
    ['every value another one', others],
    ['a provider at the port of its scheme', withProvider('http://payments.example.org')],
    ...Array.from({ length: range.max - range.min + 1 }, (_, index) => range.min + index).map(
      (replicasMax) =>
        [`at most ${replicasMax} replicas`, withAutoscaling({ replicasMax })] as const,
    ),
  ];
  test.each(cases)(
    'is what cdk8s renders of the same values: %s',
    async (_, values) => {
      const { installed } = await helm.manifests(values);
      // Whose metrics there are is not the environment's business: see below.
      const ofOperator = (name: string) =>
        values.autoscaling.mode !== 'external' &&
        ['ConfigMap windlass-system/operator', 'Deployment windlass-system/operator'].includes(
          name,
        );
      const pruned = (manifests: readonly Manifest[]) =>
        Object.fromEntries(Object.entries(byName(manifests)).filter(([name]) => !ofOperator(name)));
      expect(pruned(installed)).toEqual(pruned(renderedWith(values)));
    },
    askMs,
  );

  test.each(['keda', 'cpu'] as const)(
    'lets the operator serve no metrics when the mode is %s, and starts it anew',
    async (mode) => {
      const { installed } = await helm.manifests(withAutoscaling({ mode }));
      // What owns the registration of the metrics: it goes when the mode changes.
      expect(installed.map(({ metadata }) => metadata.name)).not.toContain(metricsReaderName);
      const found = installed.filter(
        ({ metadata }) => metadata.name === 'operator' && metadata.namespace === 'windlass-system',
      );
      const data = found.find(({ kind }) => kind === 'ConfigMap')?.data ?? {};
      expect(data.EXTERNAL_METRICS).toBe('off');
      const sorted = Object.fromEntries(Object.entries(data).sort(([a], [b]) => (a < b ? -1 : 1)));
      const annotations = { 'windlass.dev/configuration': checksumOf(sorted) };
      expect(found.find(({ kind }) => kind === 'Deployment')).toMatchObject({
        spec: { template: { metadata: { annotations } } },
      });
    },
    askMs,
  );

  test(
    'scales on processor time alone when it is told so',
    async () => {
      const { installed } = await helm.manifests(withAutoscaling({ mode: 'cpu' }));
      const scalers = installed.filter(({ kind }) => kind === 'HorizontalPodAutoscaler');
      const types = scalers.map(({ spec }) =>
        (spec as { readonly metrics: readonly { readonly type: string }[] }).metrics.map(
          ({ type }) => type,
        ),
      );
      expect(types).toEqual([['Resource'], ['Resource'], ['Resource']]);
    },
    askMs,
  );

  describe('with one value changed', () => {
    let plain: string;
    beforeAll(async () => {
      plain = await helm.template(switchedOn);
    }, askMs);
    // Or their values would change nothing.
    const switchedOn = { databases: { cloudnativePg: true } };
    const changed = new Map(leavesOf(others));

    test.each(leavesOf(usual).map(([path]) => path))(
      'is not the same: %s',
      async (path) => {
        expect(changed.get(path)).toBeDefined();
        const value = path === 'databases.cloudnativePg' ? false : changed.get(path);
        const nested = nestedAt(path, value);
        const databases = { ...switchedOn.databases, ...nested.databases };
        const given = { ...nested, databases };
        expect(await helm.template(given)).not.toBe(plain);
      },
      askMs,
    );
  });

  test.each([
    ['of another kind', { autoscaling: { replicasMax: 'many' } }, "at '/autoscaling/replicasMax'"],
    ['too small', { autoscaling: { replicasMax: 1 } }, `minimum: got 1, want ${range.min}`],
    ['too great', { autoscaling: { replicasMax: 99 } }, `maximum: got 99, want ${range.max}`],
    ['not a mode', { autoscaling: { mode: 'magic' } }, "at '/autoscaling/mode'"],
    ['a tag that moves', { image: { tag: 'latest' } }, "at '/image/tag': 'latest' does not match"],
    ['a prefix without its slash', { image: { prefix: 'example.org' } }, "at '/image/prefix'"],
    ['an image that moves', { nats: { image: 'nats:alpine' } }, "at '/nats/image'"],
    ['no quantity', { nats: { storage: 'much' } }, "at '/nats/storage': 'much' does not match"],
    ['no address', { provider: { url: 'payments' } }, "at '/provider/url'"],
    ['unknown', { colour: 'blue' }, "additional properties 'colour' not allowed"],
    ['unknown, inside', { nats: { size: '1Gi' } }, "additional properties 'size' not allowed"],
    ['taken away', { ingress: { host: null } }, "missing property 'host'"],
    [
      'less than the streams need',
      { nats: { storage: '1Gi' } },
      'nats.storage is 1Gi, and the streams need 35200Mi.',
    ],
  ])(
    'refuses a value that is %s, with a sentence',
    async (_, values, sentence) => {
      await expect(helm.template(values)).rejects.toThrow(sentence);
    },
    askMs,
  );

  test(
    'makes no namespace that Helm has made for the release',
    async () => {
      const made = async (namespace: string) => {
        const { installed } = await helm.manifests({}, namespace);
        return installed
          .filter(({ kind }) => kind === 'Namespace')
          .map((each) => each.metadata.name);
      };
      expect(await made('windlass')).toEqual(['windlass-system']);
      expect(await made('releases')).toEqual(['windlass', 'windlass-system']);
    },
    askMs,
  );

  test(
    'keeps what holds data, and what only the operator can end',
    async () => {
      const { installed } = await helm.manifests(others);
      const kinds = new Set(installed.filter(isKept).map(({ kind }) => kind));
      const ours = ['NatsCluster', 'Stream', 'Consumer', 'NatsUser'];
      expect([...kinds].sort()).toEqual(['Cluster', ...ours, 'ObjectStore'].sort());
      const rest = installed.filter((each) => !isKept(each));
      expect(rest.filter(({ kind }) => kinds.has(kind))).toEqual([]);
    },
    askMs,
  );

  test(
    'has a test that orders something, with the policies that it needs, and leaves nothing',
    async () => {
      const { tests } = await helm.manifests(others);
      expect(tests.map(({ kind, metadata }) => `${kind} ${metadata.name}`).sort()).toEqual([
        ...['NetworkPolicy allow-customer', 'NetworkPolicy allow-inventory-customer'],
        ...['NetworkPolicy allow-order-customer', 'Pod one-order'],
      ]);
      for (const { metadata } of tests) {
        expect(metadata.annotations?.['helm.sh/hook-delete-policy']).toBe(
          'before-hook-creation,hook-succeeded',
        );
      }
      expect(tests.find(({ kind }) => kind === 'Pod')).toMatchObject({
        metadata: { namespace: 'windlass' },
        spec: {
          containers: [
            {
              image: `${others.image.prefix}windlass/customer:${others.image.tag}`,
              args: expect.arrayContaining(['--count=1', '--url=http://order.windlass.svc:8080']),
            },
          ],
        },
      });
    },
    askMs,
  );

  test(
    'names the images that it uses, and the kinds that it brings',
    async () => {
      const { installed, tests } = await helm.manifests();
      const text = JSON.stringify([...installed, ...tests]);
      const { annotations } = parse(readFileSync(join(chart, 'Chart.yaml'), 'utf8'));
      const images = parse(annotations['artifacthub.io/images']).map(
        ({ image }: { readonly image: string }) => image,
      );
      const used = new Set([...text.matchAll(/"image":"([^"]+)"/g)].map(([, image]) => image));
      // That of the servers is the operator's to name.
      expect(images.sort()).toEqual([...used, 'nats:2.15.1-alpine'].sort());
      const named = parse(annotations['artifacthub.io/crds']).map(
        ({ name }: { readonly name: string }) => `crds/${name}.yaml`,
      );
      expect(named.sort()).toEqual([...chartFiles('crds').keys()].sort());
    },
    askMs,
  );
});

type Given = Readonly<Record<string, object>>;

/** A value where its path says. */
function nestedAt(path: string, value: unknown): Given {
  return path.split('.').reduceRight<unknown>((inner, key) => ({ [key]: inner }), value) as Given;
}
