import { natsClusterSpec } from '../../api/nats-cluster.ts';
import { natsClusterStatus } from '../../api/nats-cluster-status.ts';
import type { Asset } from '../assets.ts';
import type { ClaimFacts, Facts, PodFacts, StatefulSetFacts } from '../facts.ts';
import { claimName, podName } from '../names.ts';
import type { Peer, Server } from '../servers.ts';

export const nowMs = Date.parse('2026-01-01T00:00:00Z');
const name = 'c';

/** A cluster of `count` servers, `c-0` and so on, of which the first leads, and all is well. */
export function wellFacts(count = 3, over: Partial<Facts> = {}): Facts {
  const ordinals = Array.from({ length: count }, (_, ordinal) => ordinal);
  return {
    nowMs,
    cluster: { namespace: 'ns', name, uid: 'cluster-uid', generation: 1 },
    isDeleted: false,
    annotations: {},
    spec: specWith({ replicas: count }),
    status: natsClusterStatus.parse({}),
    isNamespaceTerminating: false,
    statefulSet: statefulSetFacts({ replicas: count }),
    pods: ordinals.map((ordinal) => podFacts(ordinal)),
    claims: ordinals.map((ordinal) => claimFacts(ordinal)),
    live: new Map(),
    credentials: { system: publicKey('S'), accounts: { APP: publicKey('A') } },
    certificates: { isWhole: false },
    users: [],
    servers: ordinals.map((ordinal) => serverFacts(ordinal, count)),
    assets: [],
    unreachable: undefined,
    memory: remembered({ wellSinceMs: nowMs - 60_000 }),
    ...over,
  };
}

export function specWith(spec: object): Facts['spec'] {
  return natsClusterSpec.parse({ tls: { mode: 'Disabled' }, ...spec });
}

export function remembered(over: Partial<Facts['memory']> = {}): Facts['memory'] {
  return {
    wellSinceMs: undefined,
    reloadedAtMs: new Map(),
    removedPeers: new Map(),
    refusedReloads: new Map(),
    ...over,
  };
}

export function statefulSetFacts(over: Partial<StatefulSetFacts> = {}): StatefulSetFacts {
  return {
    uid: 'set-uid',
    replicas: 3,
    annotations: { 'windlass.dev/version': '2.15.1' },
    updateRevision: 'new',
    claimSize: '10Gi',
    isTerminating: false,
    ...over,
  };
}

export function podFacts(ordinal: number, over: Partial<PodFacts> = {}): PodFacts {
  return {
    name: podName(name, ordinal),
    ordinal,
    uid: `pod-${ordinal}`,
    ip: `127.0.0.${ordinal + 1}`,
    isReady: true,
    isTerminating: false,
    revision: 'new',
    startConfig: 'start',
    createdMs: nowMs - 3_600_000,
    waiting: undefined,
    ...over,
  };
}

export function claimFacts(ordinal: number, over: Partial<ClaimFacts> = {}): ClaimFacts {
  const pod = podName(name, ordinal);
  return {
    name: claimName(pod),
    pod,
    uid: `claim-${ordinal}`,
    requestBytes: 10 * 2 ** 30,
    capacityBytes: 10 * 2 ** 30,
    isLost: false,
    isTerminating: false,
    ...over,
  };
}

export function serverFacts(ordinal: number, count = 3, over: Partial<Server> = {}): Server {
  const others = Array.from({ length: count }, (_, other) => podName(name, other)).filter(
    (other) => other !== podName(name, ordinal),
  );
  return {
    name: podName(name, ordinal),
    id: `id-${ordinal}`,
    version: '2.15.1',
    startedAt: '2026-01-01T00:00:00Z',
    configLoadedAt: '2026-01-01T00:00:00Z',
    config: 'digest',
    certificateNotAfterMs: undefined,
    complaints: [],
    routes: others,
    meta:
      count === 1
        ? undefined
        : { leader: podName(name, 0), size: count, peers: others.map((other) => peer(other)) },
    isJetStreamOn: true,
    storageBytes: 0,
    storageLimitBytes: 1_000,
    streams: 0,
    accounts: [],
    ...over,
  };
}

export function peer(peerName: string, over: Partial<Peer> = {}): Peer {
  return {
    name: peerName,
    peer: '',
    current: true,
    offline: false,
    lag: 0,
    active: 0,
    pending: false,
    ...over,
  };
}

/** A stream with its leader on the first of `on`. */
export function stream(on: readonly number[], over: Partial<Asset> = {}): Asset {
  const names = on.map((ordinal) => podName(name, ordinal));
  const [leader, ...others] = names;
  return {
    account: 'APP',
    stream: 'ORDERS',
    replicas: on.length,
    leader,
    group: 'S-R3F-orders',
    peers: others.map((other) => peer(other)),
    on: names,
    isMoving: false,
    requiredLevel: 0,
    ...over,
  };
}

/** Looks like the public key of a user. */
export function publicKey(letter: string): string {
  return `U${letter.repeat(55)}`;
}
