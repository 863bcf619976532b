import { describe, expect, test } from '@jest/globals';
import { isScaled } from './autoscaler.ts';
import { environmentNamed, environmentNames } from './environments.ts';
import { deployedIn } from './naming.ts';
import {
  isChosen,
  type Manifest,
  manifestsOf,
  renderedFiles,
  services,
  workloadsOf,
} from './testing/manifests.ts';

const every = environmentNames.map((name) => {
  const manifests = manifestsOf(name);
  return { name, manifests, workloads: workloadsOf(manifests) };
});

const ofKind = (manifests: readonly Manifest[], kind: string) =>
  manifests.filter((manifest) => manifest.kind === kind);

interface Budget {
  readonly maxUnavailable: number;
  readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
}

describe.each(every)('in $name', ({ name, manifests, workloads }) => {
  const environment = environmentNamed(name);

  test('every deployable is a Deployment, but for doubles in production', () => {
    const deployments = ofKind(manifests, 'Deployment').map(({ metadata }) => metadata.name);
    const expected = deployedIn(services, environment).map((service) => service.name);
    expect(deployments).toEqual(expect.arrayContaining(expected));
    expect(expected.includes('provider')).toBe(name !== 'prod');
  });

  test('no object is there twice', () => {
    const keys = manifests.map(
      ({ kind, metadata }) => `${kind} ${metadata.namespace}/${metadata.name}`,
    );
    expect(keys.length).toBe(new Set(keys).size);
  });

  test('every container has probes, a memory limit that it asks for, and an image to be kept', () => {
    for (const { spec } of workloads) {
      for (const container of spec.containers) {
        expect(container).toMatchObject({
          imagePullPolicy: 'IfNotPresent',
          startupProbe: expect.anything(),
          readinessProbe: expect.anything(),
          livenessProbe: expect.anything(),
        });
      }
      for (const { resources } of [...spec.containers, ...(spec.initContainers ?? [])]) {
        expect(resources.limits.memory).toBeDefined();
        expect(resources.requests.memory).toBe(resources.limits.memory);
        expect(resources.requests.cpu).toBeDefined();
        expect(resources.limits.cpu).toBeUndefined();
      }
    }
  });

  test('a disruption budget is about the pods of exactly one workload, and each has one', () => {
    const budgets = ofKind(manifests, 'PodDisruptionBudget');
    const chosen = budgets.map(({ metadata, spec }) => {
      const { selector, maxUnavailable } = spec as Budget;
      expect(maxUnavailable).toBe(1);
      return workloads
        .filter((each) => each.namespace === metadata.namespace)
        .filter((each) => isChosen(each.labels, selector.matchLabels))
        .map((each) => each.name);
    });
    expect(chosen.sort()).toEqual(workloads.map((each) => [each.name]).sort());
  });

  test('what an autoscaler scales has no fixed number of replicas, and the rest has one', () => {
    const targets = ofKind(manifests, 'HorizontalPodAutoscaler').map(({ spec }) => {
      const { scaleTargetRef, minReplicas, maxReplicas } = spec as {
        readonly scaleTargetRef: { readonly name: string };
        readonly minReplicas: number;
        readonly maxReplicas: number;
      };
      expect(minReplicas).toBeLessThan(maxReplicas);
      return scaleTargetRef.name;
    });
    const scaled = services.filter((service) => isScaled(service, environment));
    expect(targets.sort()).toEqual(scaled.map((service) => service.name).sort());
    for (const each of workloads) {
      expect(each.replicas === undefined).toBe(targets.includes(each.name));
    }
  });

  test('nobody but the operator gets a token', () => {
    const withToken = workloads.filter(({ spec }) => spec.automountServiceAccountToken !== false);
    expect(withToken.map((each) => each.name)).toEqual(['operator']);
    for (const account of ofKind(manifests, 'ServiceAccount')) {
      expect(account).toMatchObject({ automountServiceAccountToken: false });
    }
  });

  test('every namespace enforces restricted pods and has a quota and limits', () => {
    const namespaces = ofKind(manifests, 'Namespace');
    for (const { metadata } of namespaces) {
      expect(metadata.labels?.['pod-security.kubernetes.io/enforce']).toBe('restricted');
      for (const kind of ['ResourceQuota', 'LimitRange']) {
        const there = ofKind(manifests, kind).map((each) => each.metadata.namespace);
        expect(there).toContain(metadata.name);
      }
    }
    const known = [...namespaces.map(({ metadata }) => metadata.name), 'kube-system', undefined];
    expect(manifests.filter(({ metadata }) => !known.includes(metadata.namespace))).toEqual([]);
  });

  test('a service that stores something is migrated by its own image before it starts', () => {
    for (const service of services.filter(({ database }) => database)) {
      const workload = workloads.find((each) => each.name === service.name);
      expect(workload?.spec.initContainers).toMatchObject([
        { args: ['/app/main.mjs', 'migrate'], image: workload?.spec.containers[0]?.image },
      ]);
    }
  });

  test('only an API waits before it stops, and what it waits for reaches the manifest', () => {
    for (const service of deployedIn(services, environment)) {
      const workload = workloads.find((each) => each.name === service.name);
      const waiting = workload?.spec.containers[0]?.lifecycle;
      if (service.role !== 'api') expect(waiting).toBeUndefined();
      else expect(waiting).toEqual({ preStop: { sleep: { seconds: 5 } } });
    }
  });
});

describe('production', () => {
  const prod = every.find(({ name }) => name === 'prod');

  test('names every image by its version', () => {
    for (const { spec } of prod?.workloads ?? []) {
      for (const { image } of [...spec.containers, ...(spec.initContainers ?? [])]) {
        expect(image).toMatch(/^windlass\/[a-z]+:\d+\.\d+\.\d+$/);
      }
    }
  });

  test('needs nothing but Kubernetes and our own kinds', () => {
    const groups = new Set(prod?.manifests.map(({ apiVersion }) => apiVersion.split('/')[0]));
    expect([...groups].filter((group) => /\./.test(group ?? '')).sort()).toEqual([
      ...['networking.k8s.io', 'rbac.authorization.k8s.io', 'windlass.dev'],
    ]);
  });

  test('has the database URL from a Secret and from nowhere else', () => {
    const text = [...renderedFiles].filter(([path]) => path.startsWith('prod/')).join('\n');
    expect(text).not.toMatch(/postgres:\/\//);
    expect(text).toMatch(/name: order-database-app\s+key: uri|key: uri\s+name: order-database-app/);
  });

  test('names the operator and its version that each addon needs', () => {
    const isOfOthers = (text: string) =>
      [...text.matchAll(/^kind: (\w+)/gm)].some(([, kind]) => kind !== 'NetworkPolicy');
    const needing = [...renderedFiles].filter(
      ([path, text]) => path.startsWith('prod-addons/') && isOfOthers(text),
    );
    expect(needing.length).toBe(4);
    for (const [, text] of needing) expect(text.split('\n')[1]).toMatch(/^# Needs /);
  });
});

test('ci scales on lag alone, because a metric that fails keeps replicas from going', () => {
  for (const { name, manifests } of every) {
    const types = ofKind(manifests, 'HorizontalPodAutoscaler').map(({ spec }) =>
      (spec as { readonly metrics: readonly { readonly type: string }[] }).metrics.map(
        ({ type }) => type,
      ),
    );
    const expected = name === 'prod' ? ['External', 'Resource'] : ['External'];
    expect(new Set(types.map(String))).toEqual(new Set([String(expected)]));
  }
});

test('rendering again gives the same', () => {
  for (const { name, manifests } of every) expect(manifestsOf(name)).toEqual(manifests);
});
