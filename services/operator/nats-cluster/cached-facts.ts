import { z } from 'zod';
import {
  configMaps,
  networkPolicies,
  persistentVolumeClaim,
  persistentVolumeClaims,
  pod,
  podDisruptionBudgets,
  pods,
  services,
  statefulSet,
  statefulSets,
} from '../api/core.ts';
import { numberOf } from '../api/quantity.ts';
import { objectOf } from '../api/read.ts';
import type { Context } from '../control/kind.ts';
import type { KubeObject, Resource } from '../control/objects.ts';
import type { ClaimFacts, PodFacts, StatefulSetFacts } from './facts.ts';
import {
  annotations,
  children,
  claimName,
  clusterLabel,
  liveKeyOf,
  ordinalOf,
  type Place,
} from './names.ts';

function clusterPods({ namespace: home, name }: Place, { cache }: Context): readonly KubeObject[] {
  return cache.list(pods, home).filter((each) => each.metadata.labels?.[clusterLabel] === name);
}

/** Sorted by ordinal. */
export function podFacts(cluster: Place, context: Context): readonly PodFacts[] {
  return clusterPods(cluster, context)
    .flatMap((object) => {
      const { metadata, status } = objectOf(pod, object);
      const ordinal = ordinalOf(cluster.name, metadata.name);
      if (ordinal === undefined) return [];
      const waiting = status.containerStatuses.find(({ name }) => name === 'nats')?.state.waiting;
      return [
        {
          name: metadata.name,
          ordinal,
          uid: metadata.uid,
          ip: status.podIP,
          isReady: status.conditions.some(
            ({ type, status: is }) => type === 'Ready' && is === 'True',
          ),
          isTerminating: metadata.deletionTimestamp !== undefined,
          revision: metadata.labels['controller-revision-hash'],
          startConfig: metadata.annotations[annotations.startConfig],
          createdMs: Date.parse(metadata.creationTimestamp ?? '') || 0,
          waiting: failureOf(waiting?.reason),
        },
      ];
    })
    .sort((a, b) => a.ordinal - b.ordinal);
}

/** A container that is about to start waits as well. */
function failureOf(reason: string | undefined): string | undefined {
  const isStarting = reason === 'ContainerCreating' || reason === 'PodInitializing';
  return isStarting ? undefined : reason;
}

const claimSize = z.object({
  spec: z.object({
    volumeClaimTemplates: z.array(
      z.object({
        spec: z.object({ resources: z.object({ requests: z.object({ storage: z.string() }) }) }),
      }),
    ),
  }),
});

export function statefulSetFacts(
  { namespace: home, name }: Place,
  { cache }: Context,
): StatefulSetFacts | undefined {
  const object = cache.get(statefulSets, `${home}/${children(name).statefulSet}`);
  if (object === undefined) return undefined;
  const { metadata, spec, status } = objectOf(statefulSet, object);
  const isSeen = status.observedGeneration === metadata.generation;
  const claims = claimSize.safeParse(object).data?.spec.volumeClaimTemplates;
  return {
    uid: metadata.uid,
    // What the operator has set counts: whoever scales it by hand is put right.
    replicas: Number(metadata.annotations[annotations.replicas] ?? spec.replicas),
    annotations: metadata.annotations,
    updateRevision: isSeen ? status.updateRevision : undefined,
    claimSize: claims?.[0]?.spec.resources.requests.storage,
    isTerminating: metadata.deletionTimestamp !== undefined,
  };
}

export function claimFacts(
  { namespace: home, name }: Place,
  { cache }: Context,
): readonly ClaimFacts[] {
  return cache
    .list(persistentVolumeClaims, home)
    .filter((each) => each.metadata.labels?.[clusterLabel] === name)
    .map((object) => {
      const { metadata, spec, status } = objectOf(persistentVolumeClaim, object);
      const { storage: capacity } = status.capacity;
      return {
        name: metadata.name,
        pod: metadata.name.slice(claimName('').length),
        uid: metadata.uid,
        requestBytes: numberOf(spec.resources.requests.storage ?? 0),
        capacityBytes: capacity === undefined ? undefined : numberOf(capacity),
        isLost: status.phase === 'Lost',
        isTerminating: metadata.deletionTimestamp !== undefined,
      };
    })
    .filter(({ name: claim }) => ordinalOf(name, claim.slice(claimName('').length)) !== undefined);
}

/** The children as they are, by `liveKeyOf`. */
export function liveChildren(cluster: Place, { cache }: Context): ReadonlyMap<string, KubeObject> {
  const names = children(cluster.name);
  const own: readonly (readonly [Resource, string])[] = [
    [statefulSets, names.statefulSet],
    [services, names.clientService],
    [services, names.headlessService],
    [configMaps, names.configMap],
    [podDisruptionBudgets, names.disruptionBudget],
    [networkPolicies, names.networkPolicy],
  ];
  return new Map(
    own.flatMap(([resource, name]): [string, KubeObject][] => {
      const object = cache.get(resource, `${cluster.namespace}/${name}`);
      return object === undefined ? [] : [[liveKeyOf(resource.kind, name), object]];
    }),
  );
}
