import { type Asset, nameOf } from './assets.ts';
import { type Facts, metaOf } from './facts.ts';
import { podName } from './names.ts';
import type { Peer, Server } from './servers.ts';

const diskLimitPercent = 85;
/** The least time after which the group itself takes its leader for gone; it beats each second. */
const contactMs = 4_000;
const nanosecondsInMs = 1_000_000;
/** A list in a status is for people. */
const namedLimit = 16;

export interface GateOptions {
  /** How many servers there are to be. */
  readonly servers: number;
  readonly maxLag: number;
  /** A server that counts as away already: nothing is asked of it. */
  readonly without?: string;
  /** `account/stream` of assets that somebody has given up on for now. */
  readonly quarantined?: readonly string[];
}

export type GateFacts = Pick<Facts, 'cluster' | 'pods' | 'servers' | 'assets' | 'unreachable'>;

/**
 * Why no server may be stopped now; empty when one may. Kubernetes says that a pod is ready as
 * soon as its server accepts connections, and a server that it is well although another one is
 * gone, so that all of them are asked, and the leader of each group for the state of the others.
 */
export function blockers(facts: GateFacts, options: GateOptions): readonly string[] {
  const names = Array.from({ length: options.servers }, (_, ordinal) =>
    podName(facts.cluster.name, ordinal),
  ).filter((name) => name !== options.without);
  const isQuarantined = (asset: string) =>
    (options.quarantined ?? []).some((each) => asset === each || asset.startsWith(`${each}/`));
  const all = [
    ...podBlockers(facts, names),
    ...serverBlockers(facts, names, isQuarantined),
    ...metaBlockers(facts, names, options),
    ...routeBlockers(facts, names),
    ...facts.assets
      .filter((asset) => !isQuarantined(nameOf(asset)))
      .flatMap((asset) => assetBlockers(asset, options)),
  ];
  if (all.length <= namedLimit) return all;
  return [...all.slice(0, namedLimit), `and ${all.length - namedLimit} more`];
}

function podBlockers({ pods }: GateFacts, names: readonly string[]): string[] {
  return names.flatMap((name) => {
    const pod = pods.find((each) => each.name === name);
    if (pod === undefined) return [`${name} has no pod`];
    if (pod.isTerminating) return [`${name} is stopping`];
    return pod.isReady ? [] : [`${name} is not ready`];
  });
}

function serverBlockers(
  { servers, unreachable }: GateFacts,
  names: readonly string[],
  isQuarantined: (asset: string) => boolean,
): string[] {
  if (servers.length === 0) return [unreachable ?? 'no server answers'];
  return names.flatMap((name) => {
    const server = servers.find((each) => each.name === name);
    if (server === undefined) return [`${name} does not answer`];
    const disk = diskPercentOf(server);
    return [
      ...(server.isJetStreamOn ? [] : [`${name} has no JetStream`]),
      ...server.complaints
        .filter(({ asset }) => asset === undefined || !isQuarantined(asset))
        .map(({ asset, text }) => `${name}: ${asset ?? 'server'}: ${text}`),
      ...(disk > diskLimitPercent ? [`the file store of ${name} is ${disk} % full`] : []),
    ];
  });
}

function metaBlockers(
  facts: GateFacts,
  names: readonly string[],
  { servers, without }: GateOptions,
): string[] {
  if (servers === 1 || facts.servers.length === 0) return [];
  const meta = metaOf(facts);
  if (meta === undefined) return ['the meta group has no leader'];
  const leaders = new Set(facts.servers.map((server) => server.meta?.leader));
  const others = names.filter((name) => name !== meta.leader);
  return [
    ...(leaders.size === 1 ? [] : ['the servers do not agree on the leader of the meta group']),
    ...(meta.size === servers ? [] : [`the meta group has ${meta.size} of ${servers} servers`]),
    ...others.flatMap((name) => {
      const peer = meta.peers.find((each) => each.name === name);
      if (peer === undefined) return [`${name} is not in the meta group`];
      return isCurrent(peer, 0) ? [] : [`${name} is behind in the meta group`];
    }),
    ...(without !== undefined && meta.leader === without
      ? [`${without} leads the meta group`]
      : []),
  ];
}

function routeBlockers({ servers }: GateFacts, names: readonly string[]): string[] {
  return servers
    .filter(({ name }) => names.includes(name))
    .flatMap(({ name, routes }) =>
      names
        .filter((other) => other !== name && !routes.includes(other))
        .map((other) => `${name} has no route to ${other}`),
    );
}

function assetBlockers(asset: Asset, { maxLag, without }: GateOptions): string[] {
  const name = nameOf(asset);
  if (asset.leader === undefined) {
    const isOnlyThere = asset.on.every((server) => server === without);
    return isOnlyThere ? [] : [`${name} has no leader`];
  }
  if (asset.isMoving) return [`${name} is moving`];
  if (asset.replicas === 1) return [];
  // After a removal without a spare server the group is short, and says that all is well.
  const missing = asset.replicas - 1 - asset.peers.length;
  return [
    ...(missing > 0 ? [`${name} has ${missing} of ${asset.replicas} replicas too few`] : []),
    ...asset.peers
      .filter((peer) => peer.name !== without && !isCurrent(peer, maxLag))
      .map((peer) => `${name} is behind on ${peer.name}`),
  ];
}

/**
 * The lag is that of `withSettledLag`: entries that it lacks of what was committed some time ago.
 * With a lag of its own a replica is in contact, though 2.15 calls only those current that have
 * none; without contact there is neither, and what the leader thinks of it is old.
 */
export function isCurrent({ current, offline, lag, active }: Peer, maxLag: number): boolean {
  if (offline || active > contactMs * nanosecondsInMs) return false;
  return lag <= maxLag && (current || lag > 0);
}

export function diskPercentOf({ storageBytes, storageLimitBytes }: Server): number {
  return storageLimitBytes <= 0 ? 0 : Math.round((100 * storageBytes) / storageLimitBytes);
}
