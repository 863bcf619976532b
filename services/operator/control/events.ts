import { createHash } from 'node:crypto';
import type { Logger } from '@windlass/runtime/telemetry/log.ts';
import type { KubeClient } from './client.ts';
import { LostLeadership } from './kube-error.ts';
import type { KubeObject, Resource } from './objects.ts';

export const events: Resource = {
  group: '',
  version: 'v1',
  plural: 'events',
  kind: 'Event',
  namespaced: true,
};

const eventOwner = 'windlass-operator-events';
const component = 'windlass-operator';
/** Of the field `message`. */
const messageMaxLength = 1_024;
/** Writes for one object: this many at once, and then one in each interval. */
const burst = 10;
const refillMs = 30_000;
/** Different events, and objects, that are remembered; the ones seen longest ago are dropped. */
const seriesMax = 4_096;
const bucketsMax = 4_096;
/** Writes under way; beyond it events are counted and go out with the next one of their series. */
const writesMax = 8;

export type EventType = 'Normal' | 'Warning';

export interface EventsOptions {
  readonly kube: Pick<KubeClient, 'apply'>;
  /** Which replica it was. */
  readonly instance: string;
  readonly logger: Pick<Logger, 'debug' | 'warn'>;
  readonly now?: () => number;
}

interface Series {
  readonly name: string;
  readonly first: number;
  count: number;
  last: number;
}

/**
 * Kubernetes Events. The same of the same object is one Event whose `count` grows, over restarts
 * of the operator as well: its name follows from what it says. Each object has a bounded rate; what
 * exceeds it is counted, and written with the next one. A failed write is logged and forgotten.
 */
export class EventRecorder {
  private readonly options: EventsOptions;
  private readonly now: () => number;
  private readonly series = new Map<string, Series>();
  private readonly buckets = new Map<string, { tokens: number; at: number }>();
  private readonly writes = new Set<Promise<void>>();

  constructor(options: EventsOptions) {
    this.options = options;
    this.now = options.now ?? Date.now;
  }

  record(about: KubeObject, type: EventType, reason: string, message: string): void {
    const text = message.slice(0, messageMaxLength);
    const series = this.seriesOf(about, [type, reason, text]);
    series.count++;
    series.last = this.now();
    if (this.writes.size >= writesMax || !this.takeToken(about)) return;
    const writing = this.write(about, type, reason, text, series).finally(() => {
      this.writes.delete(writing);
    });
    this.writes.add(writing);
  }

  /** Resolves when the writes under way have ended. */
  async flush(): Promise<void> {
    await Promise.all(this.writes);
  }

  private seriesOf(about: KubeObject, said: readonly string[]): Series {
    const { uid = '', name, namespace = '' } = about.metadata;
    const id = createHash('sha256').update(JSON.stringify([uid, namespace, name, ...said]));
    const key = id.digest('hex').slice(0, 16);
    const now = this.now();
    const first = { name: `${name}.${key}`, first: now, count: 0, last: now };
    return remembered(this.series, key, seriesMax, first);
  }

  private takeToken({ metadata }: KubeObject): boolean {
    const now = this.now();
    const key = metadata.uid ?? metadata.name;
    const bucket = remembered(this.buckets, key, bucketsMax, { tokens: burst, at: now });
    bucket.tokens = Math.min(burst, bucket.tokens + (now - bucket.at) / refillMs);
    bucket.at = now;
    if (bucket.tokens < 1) return false;
    bucket.tokens--;
    return true;
  }

  private async write(
    about: KubeObject,
    type: EventType,
    reason: string,
    message: string,
    series: Series,
  ): Promise<void> {
    const { kube, logger, instance } = this.options;
    const namespace = about.metadata.namespace ?? 'default';
    const { name, uid } = about.metadata;
    try {
      await kube.apply(
        events,
        {
          apiVersion: 'v1',
          kind: 'Event',
          metadata: { name: series.name, namespace },
          involvedObject: { apiVersion: about.apiVersion, kind: about.kind, name, namespace, uid },
          type,
          reason,
          message,
          count: series.count,
          firstTimestamp: timeOf(series.first),
          lastTimestamp: timeOf(series.last),
          source: { component },
          reportingComponent: component,
          reportingInstance: instance,
        },
        eventOwner,
      );
    } catch (error) {
      const level = error instanceof LostLeadership ? 'debug' : 'warn';
      logger[level]({ err: error, name, namespace, reason }, 'an event was not written');
    }
  }
}

/** The entry of a map that keeps what was used last. */
function remembered<Value>(map: Map<string, Value>, key: string, max: number, first: Value): Value {
  const value = map.get(key) ?? first;
  map.delete(key);
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= max) break;
    map.delete(oldest);
  }
  return value;
}

function timeOf(epochMs: number): string {
  return new Date(epochMs).toISOString().replace(/\.\d+Z$/, 'Z');
}
