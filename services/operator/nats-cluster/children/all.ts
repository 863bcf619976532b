import type { Configuration } from '../configuration.ts';
import { digestOf } from '../digest.ts';
import type { Facts } from '../facts.ts';
import { annotations, liveKeyOf, children as names } from '../names.ts';
import { startDigestOf } from '../reload-or-roll.ts';
import { type Child, differs, type Owner } from './child.ts';
import { configMap } from './config-map.ts';
import { imageOf } from './pod-template.ts';
import { disruptionBudget, networkPolicy } from './policies.ts';
import { clientService, headlessService } from './services.ts';
import { statefulSet } from './stateful-set.ts';

export interface Wanted {
  readonly owner: Owner;
  readonly replicas: number;
  readonly version: string;
  /** The wanted version is refused: the pods stay as they are until it is another one. */
  readonly isHeld: boolean;
  readonly replacing: string | undefined;
  /** Absent while it cannot be written: then the servers stay as they are. */
  readonly configuration: Configuration | undefined;
}

/** All children of a cluster, in the order in which they are made. */
export function allChildren(facts: Facts, wanted: Wanted): readonly Child[] {
  const { owner, configuration } = wanted;
  const always = [
    headlessService(owner, wanted.replacing),
    clientService(owner),
    networkPolicy(owner, facts.spec.network),
    disruptionBudget(owner),
  ];
  if (configuration === undefined) return always;
  return [
    ...always,
    configMap(owner, configuration.text),
    ...(facts.statefulSet?.isTerminating ? [] : [statefulSetOf(facts, wanted, configuration)]),
  ];
}

/** Those that are not there, or not as they should be. */
export function changedChildren(facts: Facts, children: readonly Child[]): readonly Child[] {
  return children.filter(({ object }) =>
    differs(object, facts.live.get(liveKeyOf(object.kind, object.metadata.name))),
  );
}

function statefulSetOf(
  facts: Facts,
  { owner, replicas, version, isHeld }: Wanted,
  { block }: Configuration,
): Child {
  const { spec, certificates } = facts;
  const { generation } = facts.cluster;
  const change = digestOf({ generation, version, isClustered: 'cluster' in block });
  const before = facts.statefulSet?.annotations;
  return statefulSet(owner, {
    replicas,
    version,
    // It never changes: larger volumes need another StatefulSet, see `storage.ts`.
    storage: { ...spec.storage, size: facts.statefulSet?.claimSize ?? spec.storage.size },
    change: (isHeld ? before?.[annotations.change] : undefined) ?? change,
    before,
    template: {
      cluster: names(owner.name).statefulSet,
      image: imageOf({ image: spec.image, version }),
      resources: spec.resources,
      goMemLimitPercent: spec.goMemLimitPercent,
      lameDuckSeconds: spec.lameDuck.durationSeconds,
      topology: spec.topology,
      pods: spec.pods,
      startConfig: startDigestOf(block),
      ...(certificates.secretName === undefined ? {} : { tlsSecret: certificates.secretName }),
    },
  });
}
