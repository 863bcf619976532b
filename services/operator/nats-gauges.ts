import type { LevelFamily } from '@windlass/runtime/telemetry/series.ts';
import type { AssetFacts, ConsumerCounts, StreamCounts } from './assets/asset-plan.ts';
import { assetIdOf } from './assets/rivals.ts';
import type { Cache } from './control/cache.ts';
import type { Kind, PlannedAction } from './control/kind.ts';
import { type KubeObject, keyOf, type Resource } from './control/objects.ts';
import type { OperatorMetrics } from './metrics.ts';
import type { Facts } from './nats-cluster/facts.ts';
import { podName } from './nats-cluster/names.ts';

/**
 * What was seen longer ago has no series any more: nobody is told an old figure for a new one.
 * Twice the time after which everything is looked at again, and some time for a busy operator.
 */
const staleMs = 150_000;

interface StreamReading extends StreamCounts {
  readonly labels: { readonly namespace: string; readonly stream: string };
}

interface ConsumerReading extends ConsumerCounts {
  readonly labels: StreamReading['labels'] & { readonly consumer: string };
}

interface ClusterReading {
  readonly of: 'cluster';
  readonly labels: { readonly namespace: string; readonly cluster: string };
  readonly members: number;
  readonly readyMembers: number;
  readonly servers: readonly {
    readonly labels: ClusterReading['labels'] & { readonly server: string };
    readonly isUp: boolean;
    /** Undefined while it does not answer. */
    readonly storage: { readonly bytes: number; readonly limitBytes: number } | undefined;
  }[];
}

export type Reading = StreamReading | ConsumerReading | ClusterReading;

interface Seen {
  readonly resource: Resource;
  readonly object: KubeObject;
  readonly atMs: number;
  readonly reading: Reading;
}

export interface NatsGaugesOptions {
  readonly metrics: OperatorMetrics;
  readonly cache: Pick<Cache, 'get'>;
  readonly isLeader: () => boolean;
  /** Monotonic, in milliseconds. */
  readonly now?: () => number;
}

/**
 * Shows what the leader sees of streams, consumers and clusters whenever it looks at one: asking
 * for it costs no request. The series of an object are there while it is, while this process
 * leads, and while it could be looked at in the last minutes.
 */
export class NatsGauges {
  private readonly options: NatsGaugesOptions;
  private readonly now: () => number;
  private readonly seen = new Map<string, Seen>();

  constructor(options: NatsGaugesOptions) {
    this.options = options;
    this.now = options.now ?? (() => performance.now());
    this.show();
  }

  /** The kind, of which each look is taken note of. */
  watching<SomeFacts, Action extends PlannedAction>(
    kind: Kind<SomeFacts, Action>,
    readingOf: (object: KubeObject, facts: SomeFacts) => Reading | undefined,
  ): Kind<SomeFacts, Action> {
    const { resource } = kind;
    return {
      ...kind,
      observe: async (object, context) => {
        const facts = await kind.observe(object, context);
        const key = `${resource.plural} ${keyOf(object)}`;
        const reading = readingOf(object, facts);
        if (reading === undefined) this.seen.delete(key);
        else this.seen.set(key, { resource, object, atMs: this.now(), reading });
        return facts;
      },
    };
  }

  private show(): void {
    const { metrics } = this.options;
    const stream = (value: (reading: StreamReading) => number) => () =>
      this.readings('stream').map((each) => ({ labels: each.labels, value: value(each) }));
    const consumer = (value: (reading: ConsumerReading) => number) => () =>
      this.readings('consumer').map((each) => ({ labels: each.labels, value: value(each) }));
    const cluster = (value: (reading: ClusterReading) => number) => () =>
      this.readings('cluster').map((each) => ({ labels: each.labels, value: value(each) }));
    const server =
      (value: (server: ClusterReading['servers'][number]) => number | undefined) => () =>
        this.readings('cluster').flatMap(({ servers }) =>
          servers.flatMap((each) => {
            const number = value(each);
            return number === undefined ? [] : [{ labels: each.labels, value: number }];
          }),
        );
    showing(
      metrics.streamMessages,
      stream(({ messages }) => messages),
    );
    showing(
      metrics.streamBytes,
      stream(({ bytes }) => bytes),
    );
    showing(
      metrics.consumerPending,
      consumer(({ pending }) => pending),
    );
    showing(
      metrics.consumerAckPending,
      consumer(({ ackPending }) => ackPending),
    );
    showing(
      metrics.consumerRedelivered,
      consumer(({ redelivered }) => redelivered),
    );
    showing(
      metrics.clusterMembers,
      cluster(({ members }) => members),
    );
    showing(
      metrics.clusterReadyMembers,
      cluster(({ readyMembers }) => readyMembers),
    );
    showing(
      metrics.serverUp,
      server(({ isUp }) => (isUp ? 1 : 0)),
    );
    showing(
      metrics.serverStorage,
      server(({ storage }) => storage?.bytes),
    );
    showing(
      metrics.serverStorageLimit,
      server(({ storage }) => storage?.limitBytes),
    );
  }

  private readings<Of extends Reading['of']>(of: Of): Extract<Reading, { readonly of: Of }>[] {
    this.prune();
    const isMeant = (reading: Reading): reading is Extract<Reading, { readonly of: Of }> =>
      reading.of === of;
    return [...this.seen.values()].map(({ reading }) => reading).filter(isMeant);
  }

  private prune(): void {
    const { cache, isLeader } = this.options;
    if (!isLeader()) this.seen.clear();
    const oldest = this.now() - staleMs;
    for (const [key, { resource, object, atMs }] of this.seen) {
      const held = cache.get(resource, keyOf(object));
      const isThere = held !== undefined && held.metadata.uid === object.metadata.uid;
      if (!isThere || atMs < oldest) this.seen.delete(key);
    }
  }
}

/** Exactly these series, at each scrape. Of two with the same labels the first one counts. */
function showing<Name extends string>(
  family: LevelFamily<Name>,
  rows: () => readonly {
    readonly labels: Readonly<Record<Name, string>>;
    readonly value: number;
  }[],
): void {
  family.collectWith((level) => {
    level.clear();
    for (const { labels, value } of [...rows()].reverse()) level.of(labels).set(value);
  });
}

/** Of a stream, a bucket or a consumer that the object has made or taken over. */
export function assetReading(object: KubeObject, facts: AssetFacts): Reading | undefined {
  if (facts.kind !== 'seen' || facts.found === undefined || facts.winner !== undefined) {
    return undefined;
  }
  const { namespace = '' } = object.metadata;
  const [stream = '', consumer = ''] = assetIdOf(object)?.split('/') ?? [];
  const { counts } = facts.found;
  if (counts.of === 'stream') return { ...counts, labels: { namespace, stream } };
  return { ...counts, labels: { namespace, stream, consumer } };
}

export function clusterReading(_: KubeObject, facts: Facts): Reading {
  const { cluster, pods, servers, spec, statefulSet } = facts;
  const labels = { namespace: cluster.namespace, cluster: cluster.name };
  const count = Math.max(spec.replicas, statefulSet?.replicas ?? 0);
  const wanted = Array.from({ length: count }, (_each, ordinal) => podName(cluster.name, ordinal));
  const names = new Set([...wanted, ...pods.map(({ name }) => name)]);
  return {
    of: 'cluster',
    labels,
    members: spec.replicas,
    readyMembers: pods.filter(({ isReady, isTerminating }) => isReady && !isTerminating).length,
    servers: [...names].map((server) => {
      const found = servers.find(({ name }) => name === server);
      return {
        labels: { ...labels, server },
        isUp: found !== undefined,
        storage:
          found === undefined
            ? undefined
            : { bytes: found.storageBytes, limitBytes: found.storageLimitBytes },
      };
    }),
  };
}
