import type { NatsClusterMember } from '../api/nats-cluster-status.ts';
import { type Facts, metaOf, serverOf } from './facts.ts';
import { diskPercentOf } from './gate.ts';
import { podName, ports } from './names.ts';

/** One entry for each server that is to be there, and for each that still stops. */
export function members(facts: Facts, replicas: number): readonly NatsClusterMember[] {
  const wanted = Array.from({ length: replicas }, (_, ordinal) =>
    podName(facts.cluster.name, ordinal),
  );
  const names = new Set([...wanted, ...facts.pods.map(({ name }) => name)]);
  return [...names].map((name) => member(facts, name));
}

function member(facts: Facts, name: string): NatsClusterMember {
  const pod = facts.pods.find((each) => each.name === name);
  const server = serverOf(facts, name);
  const address = pod?.ip;
  const end = server?.certificateNotAfterMs;
  return {
    name,
    ready: pod?.isReady === true && !pod.isTerminating,
    ...(address === undefined ? {} : { address: `${address}:${ports.client}` }),
    ...(server === undefined
      ? {}
      : {
          serverId: server.id,
          version: server.version,
          streams: server.streams,
          diskPercent: diskPercentOf(server),
        }),
    ...place(facts, name),
    ...(end === undefined ? {} : { certificateNotAfter: new Date(end).toISOString() }),
  };
}

/** How far it is, as the leader of the meta group says. */
function place(facts: Facts, name: string): { readonly current?: boolean; readonly lag?: number } {
  const meta = metaOf(facts);
  if (meta === undefined) return {};
  if (meta.leader === name) return { current: true, lag: 0 };
  const peer = meta.peers.find((each) => each.name === name);
  if (peer === undefined) return { current: false };
  return { current: peer.current && !peer.offline, lag: peer.lag };
}

/** The version of all servers that answered; undefined while they differ. */
export function commonVersion({ servers }: Facts): string | undefined {
  const [first, ...others] = new Set(servers.map(({ version }) => version));
  return others.length === 0 ? first : undefined;
}

/** The same for the configuration that they run. */
export function commonConfig({ servers }: Facts): string | undefined {
  const [first, ...others] = new Set(servers.map(({ config }) => config));
  return others.length === 0 ? first : undefined;
}
