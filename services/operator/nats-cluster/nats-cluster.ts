import {
  configMaps,
  networkPolicies,
  persistentVolumeClaims,
  podDisruptionBudgets,
  pods,
  services,
  statefulSets,
} from '../api/core.ts';
import { natsClusters, natsUsers } from '../api/kinds.ts';
import { natsClusterSpec } from '../api/nats-cluster.ts';
import type { Connections } from '../assets/connections.ts';
import type { Lookup } from '../assets/lookup.ts';
import type { Kind, Watch } from '../control/kind.ts';
import type { KubeObject, Resource } from '../control/objects.ts';
import type { ClusterAction } from './actions.ts';
import { act } from './effects.ts';
import type { Facts } from './facts.ts';
import { Memory } from './memory.ts';
import { clusterLabel } from './names.ts';
import { observe, type Sources } from './observe.ts';
import { plan } from './plan.ts';
import { SystemAccount } from './system-account.ts';
import { clusterOfUser } from './users.ts';

export interface NatsClusterParts {
  readonly connections: Connections;
  readonly lookup: Lookup;
}

const childResources: readonly Resource[] = [
  statefulSets,
  pods,
  persistentVolumeClaims,
  services,
  configMaps,
  podDisruptionBudgets,
  networkPolicies,
];

/** Clusters of nats-servers: what is read, what follows from it, and what is done. */
export function natsClusterKind(parts: NatsClusterParts): Kind<Facts, ClusterAction> {
  const sources: Sources = {
    memory: new Memory(),
    system: new SystemAccount(parts.connections, parts.lookup),
  };
  return {
    resource: natsClusters,
    watches: [...childResources.map(childWatch), userWatch],
    needsFinalizer: ({ spec }) =>
      natsClusterSpec.safeParse(spec).data?.storage.whenDeleted === 'Delete',
    observe: (object, context) => observe(object, context, sources),
    plan: (object, facts) => plan(ownerOf(object), facts),
    act: (action, object, context) => act(action, object, context, sources),
  };
}

function childWatch(resource: Resource): Watch {
  return {
    resource,
    labelSelector: clusterLabel,
    keysOf: ({ metadata: { namespace = '', labels } }) => {
      const cluster = labels?.[clusterLabel];
      return cluster === undefined ? [] : [`${namespace}/${cluster}`];
    },
  };
}

const userWatch: Watch = {
  resource: natsUsers,
  keysOf: (user) => {
    const cluster = clusterOfUser(user);
    return cluster === undefined ? [] : [cluster];
  },
};

function ownerOf({ apiVersion, kind, metadata }: KubeObject) {
  const { namespace = '', name, uid = '' } = metadata;
  return { apiVersion, kind, namespace, name, uid };
}
