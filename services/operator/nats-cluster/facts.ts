import type { NatsClusterSpec } from '../api/nats-cluster.ts';
import type { NatsClusterStatus } from '../api/nats-cluster-status.ts';
import type { CertificatePlan } from '../certificates/cluster-certificates.ts';
import type { KubeObject } from '../control/objects.ts';
import type { Asset } from './assets.ts';
import type { ConfiguredUser } from './configuration.ts';
import { annotations, type Place } from './names.ts';
import type { Server } from './servers.ts';

/** Everything that the policies decide upon, read at one time. */
export interface Facts {
  readonly nowMs: number;
  readonly cluster: Place & { readonly uid: string; readonly generation: number };
  readonly isDeleted: boolean;
  /** Of the NatsCluster. */
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: NatsClusterSpec;
  readonly status: NatsClusterStatus;
  readonly isNamespaceTerminating: boolean;
  readonly statefulSet: StatefulSetFacts | undefined;
  /** Sorted by ordinal. */
  readonly pods: readonly PodFacts[];
  readonly claims: readonly ClaimFacts[];
  /** The children as they are, by kind and name: `Service/orders`. */
  readonly live: ReadonlyMap<string, KubeObject>;
  readonly credentials: CredentialsFacts | undefined;
  /** What is the case with the certificates; says nothing of a cluster without TLS. */
  readonly certificates: CertificatePlan;
  readonly users: readonly ConfiguredUser[];
  /** Those that answered; empty when nobody could be asked. */
  readonly servers: readonly Server[];
  readonly assets: readonly Asset[];
  /** Why no server could be asked. */
  readonly unreachable: string | undefined;
  readonly memory: Remembered;
}

export interface StatefulSetFacts {
  readonly uid: string;
  readonly replicas: number;
  readonly annotations: Readonly<Record<string, string>>;
  /** Revision of the pods that are to be; undefined until the controller has seen the change. */
  readonly updateRevision: string | undefined;
  /** Of the volume claim template, which never changes. */
  readonly claimSize: string | undefined;
  readonly isTerminating: boolean;
}

export interface PodFacts {
  readonly name: string;
  readonly ordinal: number;
  readonly uid: string;
  readonly ip: string | undefined;
  readonly isReady: boolean;
  readonly isTerminating: boolean;
  readonly revision: string | undefined;
  /** Digest of what of the configuration it has taken over at its start. */
  readonly startConfig: string | undefined;
  readonly createdMs: number;
  /** Why its container does not run: `CrashLoopBackOff`, `ErrImagePull`. */
  readonly waiting: string | undefined;
}

export interface ClaimFacts {
  readonly name: string;
  readonly pod: string;
  readonly uid: string;
  readonly requestBytes: number;
  /** Undefined until it is bound. */
  readonly capacityBytes: number | undefined;
  readonly isLost: boolean;
  readonly isTerminating: boolean;
}

export interface CredentialsFacts {
  /** Public keys of the operator's users. */
  readonly system: string | undefined;
  readonly accounts: Readonly<Record<string, string>>;
}

/** What this process has seen before; lost with it, which only makes it more careful. */
export interface Remembered {
  /** Since when every reading has passed the gate. */
  readonly wellSinceMs: number | undefined;
  /** When each server was last told to reload, by its id. */
  readonly reloadedAtMs: ReadonlyMap<string, number>;
  /** When each peer was removed from the meta group, by its name. */
  readonly removedPeers: ReadonlyMap<string, number>;
  /** Why a server refused to load a configuration, by server id and digest. */
  readonly refusedReloads: ReadonlyMap<string, string>;
}

export function quarantinedOf({ annotations: { [annotations.quarantine]: list } }: Facts) {
  return (list ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

export function refusalKey(serverId: string, digest: string): string {
  return `${serverId} ${digest}`;
}

export function serverOf(facts: Pick<Facts, 'servers'>, name: string): Server | undefined {
  return facts.servers.find((server) => server.name === name);
}

/** What the leader of the meta group says of it; only the leader knows how the others are. */
export function metaOf({ servers }: Pick<Facts, 'servers'>): Server['meta'] {
  return servers.find(({ name, meta }) => meta?.leader === name)?.meta;
}
