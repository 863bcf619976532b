import type { Peer, Server, StreamDetail } from './servers.ts';

/** A stream or a consumer, as its leader knows it. */
export interface Asset {
  readonly account: string;
  readonly stream: string;
  /** Absent for a stream. */
  readonly consumer?: string;
  /** As configured; a consumer that says nothing has those of its stream. */
  readonly replicas: number;
  /** Undefined while no server that answered leads it. */
  readonly leader: string | undefined;
  /** Of its Raft group; empty where it has none. */
  readonly group: string;
  /** The others of its group, from the leader's point of view. */
  readonly peers: readonly Peer[];
  /** Names of all servers that have it. */
  readonly on: readonly string[];
  readonly isMoving: boolean;
  /** The API level that a server needs to load it (ADR-44). */
  readonly requiredLevel: number;
}

/**
 * All streams and consumers that any of the servers has. Only a leader knows how far the others
 * are: what a follower says of a third server is not current.
 */
export function assetsOf(servers: readonly Server[]): readonly Asset[] {
  const found = new Map<string, Seen>();
  for (const server of servers) {
    for (const { name: account, streams } of server.accounts) {
      for (const detail of streams) seeStream(found, server.name, account, detail);
    }
  }
  return [...found.values()].map(assetOf);
}

export function nameOf({ account, stream, consumer }: Asset): string {
  return [account, stream, consumer].filter((part) => part !== undefined).join('/');
}

type Detail = Pick<StreamDetail, 'cluster' | 'config'>;

interface Seen {
  readonly identity: Pick<Asset, 'account' | 'stream' | 'consumer'>;
  readonly replicas: number;
  readonly reports: { readonly server: string; readonly detail: Detail }[];
}

function seeStream(
  found: Map<string, Seen>,
  server: string,
  account: string,
  detail: StreamDetail,
): void {
  const see = (identity: Seen['identity'], replicas: number, part: Detail) => {
    const key = [identity.account, identity.stream, identity.consumer ?? ''].join('/');
    const seen = found.get(key) ?? { identity, replicas, reports: [] };
    seen.reports.push({ server, detail: part });
    found.set(key, seen);
  };
  const stream = detail.name;
  see({ account, stream }, Math.max(1, detail.config.num_replicas), detail);
  for (const consumer of detail.consumer_detail ?? []) {
    const replicas = consumerReplicas(detail.config, consumer.config);
    see({ account, stream, consumer: consumer.name }, replicas, consumer);
  }
}

/** As the server decides (`ConsumerConfig.replicas`) when a consumer says nothing. */
function consumerReplicas(stream: Detail['config'], consumer: Detail['config']): number {
  const ofStream = Math.max(1, stream.num_replicas);
  if (consumer.num_replicas > 0) return Math.min(consumer.num_replicas, ofStream);
  return consumer.durable_name === '' && stream.retention === 'limits' ? 1 : ofStream;
}

function assetOf({ identity, replicas, reports }: Seen): Asset {
  const leading = reports.find(({ server, detail }) => isLeader(server, detail));
  const detail = (leading ?? reports[0])?.detail;
  const peers = (leading === undefined ? [] : (detail?.cluster?.replicas ?? [])).filter(
    ({ name }) => name !== leading?.server,
  );
  const level = Number(detail?.config.metadata['_nats.req.level'] ?? 0);
  return {
    ...identity,
    replicas,
    leader: leading?.server,
    group: detail?.cluster?.raft_group ?? '',
    peers,
    on: [...new Set([...reports.map(({ server }) => server), ...peers.map(({ name }) => name)])],
    isMoving: detail?.cluster?.desired !== undefined || peers.some(({ pending }) => pending),
    requiredLevel: Number.isFinite(level) ? level : 0,
  };
}

/** A server that runs alone says nothing of a cluster, and leads all that it has. */
function isLeader(server: string, { cluster }: Detail): boolean {
  return cluster === undefined || cluster.leader === server;
}
