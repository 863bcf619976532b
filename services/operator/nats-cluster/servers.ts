import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { JetStream } from '../assets/jet-stream.ts';
import { digestKey } from './configuration.ts';

const waitMs = 5_000;

const peer = z.object({
  /** A sentence instead when no server that runs has ever met it; see `peerIdOf`. */
  name: z.string(),
  /** By what the groups know it. */
  peer: z.string().default(''),
  current: z.boolean().default(false),
  offline: z.boolean().default(false),
  lag: z.number().default(0),
  /** Nanoseconds since whoever says it has heard of it. */
  active: z.number().default(0),
  /** Part of the assignment, but not of the Raft group yet. */
  pending: z.boolean().default(false),
});
export type Peer = z.output<typeof peer>;

const group = z.object({
  leader: z.string().default(''),
  raft_group: z.string().default(''),
  replicas: z.array(peer).nullish(),
  /** Of 2.15 and later, while the group moves to other servers. */
  desired: z.unknown().optional(),
});

const assetConfig = z.object({
  num_replicas: z.number().default(0),
  retention: z.string().default('limits'),
  durable_name: z.string().default(''),
  metadata: z.record(z.string(), z.string()).default({}),
});

const streamDetail = z.object({
  name: z.string(),
  cluster: group.optional(),
  config: assetConfig.prefault({}),
  consumer_detail: z
    .array(
      z.object({
        name: z.string(),
        cluster: group.optional(),
        config: assetConfig.prefault({}),
      }),
    )
    .nullish(),
});
export type StreamDetail = z.output<typeof streamDetail>;

const jsz = z.object({
  disabled: z.boolean().default(false),
  storage: z.number().default(0),
  config: z.object({ max_storage: z.number().default(0) }).prefault({}),
  streams: z.number().default(0),
  meta_cluster: z
    .object({
      leader: z.string().default(''),
      cluster_size: z.number().default(0),
      replicas: z.array(peer).nullish(),
    })
    .optional(),
  account_details: z
    .array(z.object({ name: z.string(), stream_detail: z.array(streamDetail).nullish() }))
    .nullish(),
});

const varz = z.object({
  server_id: z.string(),
  version: z.string(),
  start: z.string(),
  config_load_time: z.string().default(''),
  metadata: z.record(z.string(), z.string()).default({}),
  tls_cert_not_after: z.string().optional(),
});

const healthz = z.object({
  error: z.string().optional(),
  errors: z
    .array(
      z.object({
        type: z.string(),
        account: z.string().optional(),
        stream: z.string().optional(),
        consumer: z.string().optional(),
        error: z.string().default(''),
      }),
    )
    .nullish(),
});

const routez = z.object({
  routes: z.array(z.object({ remote_name: z.string().default('') })).nullish(),
});

/** What one server says of itself and of what it sees. */
export interface Server {
  readonly name: string;
  readonly id: string;
  readonly version: string;
  /** RFC 3339. */
  readonly startedAt: string;
  readonly configLoadedAt: string;
  /** Digest of the configuration that it runs. */
  readonly config: string | undefined;
  /** End of its certificate in milliseconds since the epoch; undefined without TLS. */
  readonly certificateNotAfterMs: number | undefined;
  /** What its own full health check complains of. */
  readonly complaints: readonly Complaint[];
  readonly routes: readonly string[];
  /** Absent in a server that runs alone. */
  readonly meta: Meta | undefined;
  readonly isJetStreamOn: boolean;
  readonly storageBytes: number;
  readonly storageLimitBytes: number;
  readonly streams: number;
  readonly accounts: readonly { readonly name: string; readonly streams: StreamDetail[] }[];
}

export interface Complaint {
  readonly asset: string | undefined;
  readonly text: string;
}

export interface Meta {
  readonly leader: string;
  readonly size: number;
  /** All but the server that says it. */
  readonly peers: readonly Peer[];
}

const everything = { accounts: true, streams: true, consumer: true, config: true };

/**
 * Asks all servers of a cluster, through the one that `system` is connected to. A server that
 * has not answered all four questions within 5 s is left out.
 */
export async function askServers(system: JetStream, expected: number): Promise<Server[]> {
  const ask = async <Schema extends z.ZodType>(what: string, schema: Schema, body?: unknown) => {
    const subject = `$SYS.REQ.SERVER.PING.${what}`;
    const answers = await system.gather(subject, body, waitMs, expected);
    return new Map(answers.flatMap((answer) => entryOf(answer, schema)));
  };
  const [identities, states, healths, connections] = await Promise.all([
    ask('VARZ', varz),
    ask('JSZ', jsz, everything),
    ask('HEALTHZ', healthz, { details: true }),
    ask('ROUTEZ', routez),
  ]);
  return [...identities].flatMap(([name, identity]) => {
    const state = states.get(name);
    const health = healths.get(name);
    const routes = connections.get(name);
    if (state === undefined || health === undefined || routes === undefined) return [];
    return [serverOf(name, identity, state, health, routes)];
  });
}

const idDigits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const idLength = 8;

/** The server makes it from the name (`getHash`), so that it is the same after every start. */
export function peerIdOf(server: string): string {
  const hash = createHash('sha256').update(server).digest().subarray(0, idLength);
  return [...hash].map((byte) => idDigits[byte % idDigits.length]).join('');
}

const envelope = z.object({ server: z.object({ name: z.string() }), data: z.unknown() });

function entryOf<Schema extends z.ZodType>(
  answer: unknown,
  schema: Schema,
): [string, z.output<Schema>][] {
  const outer = envelope.safeParse(answer);
  if (!outer.success) return [];
  const inner = schema.safeParse(outer.data.data);
  return inner.success ? [[outer.data.server.name, inner.data]] : [];
}

function serverOf(
  name: string,
  identity: z.output<typeof varz>,
  state: z.output<typeof jsz>,
  health: z.output<typeof healthz>,
  connections: z.output<typeof routez>,
): Server {
  const { meta_cluster: meta } = state;
  const certificateEnd = identity.tls_cert_not_after;
  const remotes = (connections.routes ?? []).map((route) => route.remote_name);
  return {
    name,
    id: identity.server_id,
    version: identity.version,
    startedAt: identity.start,
    configLoadedAt: identity.config_load_time,
    config: identity.metadata[digestKey],
    certificateNotAfterMs: certificateEnd === undefined ? undefined : Date.parse(certificateEnd),
    complaints: complaintsOf(health),
    routes: [...new Set(remotes)].filter((remote) => remote !== ''),
    meta:
      meta === undefined || meta.cluster_size === 0
        ? undefined
        : { leader: meta.leader, size: meta.cluster_size, peers: meta.replicas ?? [] },
    isJetStreamOn: !state.disabled,
    storageBytes: state.storage,
    storageLimitBytes: state.config.max_storage,
    streams: state.streams,
    accounts: (state.account_details ?? []).map((account) => ({
      name: account.name,
      streams: account.stream_detail ?? [],
    })),
  };
}

function complaintsOf({ error, errors }: z.output<typeof healthz>): Complaint[] {
  const general = error === undefined || error === '' ? [] : [{ asset: undefined, text: error }];
  const single = (errors ?? []).map(({ account, stream, consumer, error: text }) => ({
    asset:
      stream === undefined
        ? undefined
        : [account, stream, consumer].filter((part) => part !== undefined).join('/'),
    text,
  }));
  return [...general, ...single];
}
