import type { NatsClusterSpec } from '../api/nats-cluster.ts';
import { numberOf } from '../api/quantity.ts';
import type { Permissions } from '../nats-user/permissions.ts';
import {
  type Block,
  configurationText,
  Environment,
  isBlock,
  merged,
  type Value,
} from './configuration-text.ts';
import { digestOf } from './digest.ts';
import { type Place, ports, routeUrl, systemAccount } from './names.ts';

/** Where the pod has what the configuration names. */
/** Of the memory limit; streams are in memory unless they say otherwise, as in NACK. */
const memoryStoreShare = 0.25;

export const paths = {
  config: '/etc/nats-config',
  tls: '/etc/nats-tls',
  data: '/data',
  run: '/var/run/nats',
} as const;

/** A user of the configuration: only its public key is there. */
export interface ConfiguredUser {
  readonly account: string;
  readonly publicKey: string;
  readonly permissions: Permissions;
}

export interface ConfigurationInput {
  readonly cluster: Place;
  readonly spec: NatsClusterSpec;
  /** How many servers know each other: during a change of size, the larger number. */
  readonly servers: number;
  /** The smallest volume of the cluster. */
  readonly volumeBytes: number;
  /** The operator's own users: one in the system account, one in each account. */
  readonly operator: {
    readonly system: string;
    readonly accounts: Readonly<Record<string, string>>;
  };
  readonly users: readonly ConfiguredUser[];
  /** Digest of the certificates; absent without TLS. */
  readonly tlsDigest?: string;
}

export interface Configuration {
  readonly text: string;
  /** Also in `server_metadata`, so that each server says which configuration it runs. */
  readonly digest: string;
  /** The same for whatever a running server does not take over; see `reload-or-roll.ts`. */
  readonly block: Block;
}

/** The key of `server_metadata` that names the configuration. */
export const digestKey = 'windlass_config';

/**
 * The nats.conf of every server of a cluster. Equal input gives equal text. Listens on the pod's
 * own address only. `config.merge` comes last and may replace anything but the digest.
 */
export function configurationOf(input: ConfigurationInput): Configuration {
  const { spec } = input;
  const own: Block = {
    server_name: new Environment('POD_NAME'),
    host: new Environment('POD_IP'),
    port: ports.client,
    // Without a host of its own the monitoring listens on that of the clients.
    http_port: ports.monitor,
    pid_file: `${paths.run}/nats.pid`,
    lame_duck_duration: `${spec.lameDuck.durationSeconds}s`,
    lame_duck_grace_period: `${spec.lameDuck.graceSeconds}s`,
    jetstream: jetStream(input),
    ...(input.servers > 1 ? { cluster: clusterBlock(input) } : {}),
    ...(input.tlsDigest === undefined ? {} : { tls: certificateFiles }),
    accounts: accounts(input),
    system_account: systemAccount,
    ...(spec.anonymousAccount === undefined ? {} : { no_auth_user: anonymousUser }),
  };
  const block = merged(own, merge(spec.config?.merge));
  const digest = digestOf({ text: configurationText(block), tls: input.tlsDigest ?? '' });
  const metadata = isBlock(block.server_metadata) ? block.server_metadata : {};
  const text = configurationText({
    ...block,
    server_metadata: { ...metadata, [digestKey]: digest },
  });
  return { text, digest, block };
}

/** Whoever has no credentials has these, which give no more than having none. */
const anonymousUser = 'anonymous';

const certificateFiles: Block = {
  cert_file: `${paths.tls}/tls.crt`,
  key_file: `${paths.tls}/tls.key`,
};

function jetStream({ spec, volumeBytes }: ConfigurationInput): Block {
  const { fileStorePercent, memoryStore, syncInterval } = spec.storage;
  return {
    store_dir: paths.data,
    // A volume formats to less than its size, and what is deleted needs room before it is gone.
    max_file_store: Math.floor((volumeBytes * fileStorePercent) / 100),
    max_memory_store: Math.floor(
      memoryStore === undefined
        ? numberOf(spec.resources.limits.memory ?? 0) * memoryStoreShare
        : numberOf(memoryStore),
    ),
    sync_interval: syncInterval,
  };
}

function clusterBlock({ cluster, servers, tlsDigest }: ConfigurationInput): Block {
  const ordinals = Array.from({ length: servers }, (_, ordinal) => ordinal);
  return {
    name: cluster.name,
    host: new Environment('POD_IP'),
    port: ports.cluster,
    // Clients keep to the Service: addresses of pods change.
    no_advertise: true,
    routes: ordinals.map((ordinal) => routeUrl(cluster, ordinal)),
    ...(tlsDigest === undefined
      ? {}
      : { tls: { ...certificateFiles, ca_file: `${paths.tls}/ca.crt`, verify: true } }),
  };
}

function accounts({ spec, operator, users }: ConfigurationInput): Block {
  const ofAccount = (name: string): Block[] =>
    users
      .filter(({ account }) => account === name)
      .sort((a, b) => (a.publicKey < b.publicKey ? -1 : 1))
      .map(({ publicKey, permissions }) => ({ nkey: publicKey, permissions: rights(permissions) }));
  const own = spec.accounts.map(({ name, jetstream }): [string, Block] => {
    const key = operator.accounts[name];
    return [
      name,
      {
        jetstream: limits(jetstream),
        users: [
          ...(key === undefined ? [] : [{ nkey: key }]),
          ...(spec.anonymousAccount === name
            ? [{ user: anonymousUser, password: anonymousUser }]
            : []),
          ...ofAccount(name),
        ],
      },
    ];
  });
  return { [systemAccount]: { users: [{ nkey: operator.system }] }, ...Object.fromEntries(own) };
}

function limits(jetstream: NatsClusterSpec['accounts'][number]['jetstream']): Value {
  const { maxStorage, maxMemory, maxStreams, maxConsumers } = jetstream ?? {};
  const block = {
    ...(maxStorage === undefined ? {} : { max_file: Math.floor(numberOf(maxStorage)) }),
    ...(maxMemory === undefined ? {} : { max_memory: Math.floor(numberOf(maxMemory)) }),
    ...(maxStreams === undefined ? {} : { max_streams: maxStreams }),
    ...(maxConsumers === undefined ? {} : { max_consumers: maxConsumers }),
  };
  return Object.keys(block).length === 0 ? 'enabled' : block;
}

function rights({ publish, subscribe, allowResponses }: Permissions): Block {
  const { max, expires } = allowResponses ?? {};
  return {
    publish: subjects(publish),
    subscribe: subjects(subscribe),
    ...(allowResponses === undefined
      ? {}
      : {
          allow_responses: {
            ...(max === undefined ? {} : { max }),
            ...(expires === undefined ? {} : { expires }),
          },
        }),
  };
}

function subjects({ allow, deny }: Permissions['publish']): Block {
  return { ...(allow.length === 0 ? {} : { allow }), ...(deny === undefined ? {} : { deny }) };
}

/** What the user wrote, without what nats.conf has no word for. */
function merge(free: Readonly<Record<string, unknown>> | undefined): Block {
  const entries = Object.entries(free ?? {}).flatMap(([key, value]): [string, Value][] => {
    const each = confValue(value);
    return each === undefined ? [] : [[key, each]];
  });
  return Object.fromEntries(entries);
}

function confValue(value: unknown): Value | undefined {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
    return value;
  }
  if (Array.isArray(value)) return value.map(confValue).filter((each) => each !== undefined);
  if (typeof value !== 'object' || value === null) return undefined;
  return merge(Object.fromEntries(Object.entries(value)));
}
