import type { KubeObject } from '../control/objects.ts';
import type { LabelValues } from './selector.ts';

/** A consumer of JetStream, as its object describes it. */
export interface Consumer {
  /** Of the object. */
  readonly name: string;
  readonly stream: string;
  readonly durable: string;
  readonly cluster: string | undefined;
  readonly account: string | undefined;
  /** Equal for two objects exactly when they mean the same consumer of the same server. */
  readonly identity: string;
  /** Says how to reach the server. */
  readonly object: KubeObject;
}

/** What the consumer's leader counts. */
export interface Counts {
  /** Messages not delivered yet. */
  readonly pending: number;
  /** Messages delivered and not acknowledged yet. */
  readonly ackPending: number;
}

/** Names of the metrics and what each counts. */
export const metrics: ReadonlyMap<string, (counts: Counts) => number> = new Map([
  ['windlass-consumer-lag', ({ pending, ackPending }: Counts) => pending + ackPending],
  ['windlass-consumer-pending', ({ pending }: Counts) => pending],
]);

/** What a selector can ask for. A consumer is found by the name of its object or its durable. */
export function labelsOf({ name, durable, stream, cluster, account }: Consumer): LabelValues {
  return {
    consumer: name === durable ? [name] : [name, durable],
    stream: [stream],
    cluster: cluster === undefined ? [] : [cluster],
    account: account === undefined ? [] : [account],
  };
}

/** What a value says of its consumer. */
export function shownLabels({ name, stream, cluster, account }: Consumer) {
  return {
    consumer: name,
    stream,
    ...(cluster === undefined ? {} : { cluster }),
    ...(account === undefined ? {} : { account }),
  };
}

/** One of the objects that mean the same consumer: an HPA adds up all values that it is given. */
export function distinct(consumers: readonly Consumer[]): readonly Consumer[] {
  const byIdentity = new Map<string, Consumer>();
  for (const consumer of consumers) {
    if (!byIdentity.has(consumer.identity)) byIdentity.set(consumer.identity, consumer);
  }
  return [...byIdentity.values()];
}
