import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { liveKeyOf } from '../names.ts';
import { specWith, statefulSetFacts, wellFacts } from '../testing/facts.ts';
import { allChildren, changedChildren, type Wanted } from './all.ts';

const owner = {
  apiVersion: 'windlass.dev/v1alpha1',
  kind: 'NatsCluster',
  namespace: 'ns',
  name: 'c',
  uid: 'u',
};
const wanted: Wanted = {
  owner,
  replicas: 3,
  version: '2.15.1',
  isHeld: false,
  replacing: undefined,
  configuration: { text: 'text', digest: 'digest', block: { cluster: {} } },
};
const bare = wellFacts(3, { statefulSet: undefined });

const set = z.object({
  metadata: z.object({ annotations: z.record(z.string(), z.string()) }),
  spec: z.looseObject({
    template: z.looseObject({
      metadata: z.looseObject({ annotations: z.record(z.string(), z.string()) }),
      spec: z.looseObject({ containers: z.array(z.looseObject({ image: z.string() })) }),
    }),
  }),
});
const policy = z.object({
  spec: z.object({
    ingress: z.array(
      z.object({
        from: z.array(z.unknown()).optional(),
        ports: z.array(z.object({ port: z.number() })),
      }),
    ),
  }),
});
function setOf(facts = bare, over: Partial<Wanted> = {}) {
  const objects = allChildren(facts, { ...wanted, ...over }).map(({ object }) => object);
  return set.parse(objects.find(({ kind }) => kind === 'StatefulSet'));
}
const applied = setOf().metadata.annotations;
const existing = (over: object = {}) =>
  wellFacts(3, { statefulSet: statefulSetFacts({ annotations: { ...applied, ...over } }) });

describe('the children of a cluster', () => {
  test('are made in an order in which each finds what it needs', () => {
    expect(allChildren(bare, wanted).map(({ object }) => object.kind)).toEqual([
      'Service',
      'Service',
      'NetworkPolicy',
      'PodDisruptionBudget',
      'ConfigMap',
      'StatefulSet',
    ]);
  });

  test('let clients in from anywhere, unless that is left to other policies', () => {
    const portsOf = (clients: 'Anywhere' | 'Policies') => {
      const facts = { ...bare, spec: { ...bare.spec, network: { clients } } };
      const found = allChildren(facts, wanted).find(
        ({ object }) => object.kind === 'NetworkPolicy',
      );
      return policy
        .parse(found?.object)
        .spec.ingress.map(({ from, ports }) => [from !== undefined, ports.map(({ port }) => port)]);
    };
    expect(portsOf('Anywhere')).toEqual([
      [false, [4222, 8222]],
      [true, [6222]],
    ]);
    expect(portsOf('Policies')).toEqual([[true, [6222]]]);
  });

  test('leave the servers as they are while there is no configuration', () => {
    const kinds = allChildren(bare, { ...wanted, configuration: undefined }).map(
      ({ object }) => object.kind,
    );
    expect(kinds).not.toContain('ConfigMap');
    expect(kinds).not.toContain('StatefulSet');
  });

  test('are not written again when they are as they should be', () => {
    const children = allChildren(bare, wanted);
    const live = new Map(
      children.map(({ object }) => [liveKeyOf(object.kind, object.metadata.name), object]),
    );
    expect(changedChildren({ ...bare, live }, children)).toEqual([]);
    live.delete('Service/c');
    expect(changedChildren({ ...bare, live }, children).map(({ object }) => object.kind)).toEqual([
      'Service',
    ]);
  });

  test('give pods that the restricted standard admits', () => {
    const { spec } = setOf().spec.template;
    expect(spec).toMatchObject({
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: 50,
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          image: 'nats:2.15.1-alpine',
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
        },
      ],
    });
  });

  test('tell the server how much memory it has', () => {
    expect(setOf().spec.template.spec.containers[0]).toMatchObject({
      env: expect.arrayContaining([{ name: 'GOMEMLIMIT', value: '838860KiB' }]),
    });
  });

  test('start all servers at once and are rolled by nobody else', () => {
    expect(setOf().spec).toMatchObject({
      podManagementPolicy: 'Parallel',
      updateStrategy: { type: 'OnDelete' },
      serviceName: 'c-headless',
    });
  });
});

describe('the pods', () => {
  const foreign = { 'windlass.dev/template': JSON.stringify({ metadata: {}, spec: {} }) };

  test('stay as an older operator made them while the user changes nothing', () => {
    const template = setOf().spec.template;
    const older = { ...template, metadata: { annotations: { older: 'yes' } } };
    const facts = existing({ 'windlass.dev/template': JSON.stringify(older) });
    expect(setOf(facts).spec.template.metadata.annotations).toEqual({ older: 'yes' });
  });

  test('are made anew with the next change of the user', () => {
    const facts = existing(foreign);
    const next = { ...facts, cluster: { ...facts.cluster, generation: 2 } };
    expect(setOf(next).spec.template.spec.containers).toHaveLength(1);
  });

  test('stay while their wanted version is refused, whatever else is new', () => {
    const facts = existing();
    const spec = specWith({ version: '2.9.0', image: 'mine:2.9.0' });
    const next = { ...facts, spec, cluster: { ...facts.cluster, generation: 2 } };
    const held = setOf(next, { isHeld: true });
    expect(held.spec.template.spec.containers[0]?.image).toBe('nats:2.15.1-alpine');
  });

  test('keep the size of their volumes until the StatefulSet is made anew', () => {
    const facts = wellFacts(3, { spec: specWith({ storage: { size: '20Gi' } }) });
    const claims = (of: ReturnType<typeof setOf>) => JSON.stringify(of.spec.volumeClaimTemplates);
    expect(claims(setOf(facts))).toContain('"10Gi"');
    expect(claims(setOf({ ...facts, statefulSet: undefined }))).toContain('"20Gi"');
  });
});
