import { fullJitter, pause } from '@windlass/runtime/failure/retry.ts';
import type { Logger } from '@windlass/runtime/telemetry/log.ts';
import type { Index } from './cache.ts';
import type { HttpClient } from './http-client.ts';
import { isExpired, isUnavailable } from './kube-error.ts';
import { type Listener, ObjectStore } from './object-store.ts';
import type { Key, KubeObject, Resource } from './objects.ts';

/** Restarts that go wrong are this far apart at most; the first ones are next to immediate. */
const restartBaseMs = 100;
const restartMaxMs = 30_000;
/** What ran for this long was no failed start. */
const settledMs = 10_000;
/** So many failures in a row may be the version's fault: the next start lists. */
const failuresBeforeListMax = 3;

export interface ReflectorTimings {
  /** A watch lasts for a random time between these, so that many do not end together. */
  readonly watchMinSeconds: number;
  readonly watchMaxSeconds: number;
  /** Everything is listed again this often, in case a watch has missed something. */
  readonly relistMs: number;
}

export const usualTimings: ReflectorTimings = {
  watchMinSeconds: 290,
  watchMaxSeconds: 590,
  relistMs: 600_000,
};

/** What happens to reflectors, for metrics. */
export interface ReflectorObserver {
  /** A watch was begun again after a failure; `reason` is the API server's or `Unreachable`. */
  restarted(resource: Resource, reason: string): void;
  /** A list showed changes that the watch before it should have told about. */
  missed(resource: Resource, objects: number): void;
}

export interface ReflectorOptions {
  readonly kube: HttpClient;
  readonly resource: Resource;
  readonly labelSelector?: string | undefined;
  readonly logger: Pick<Logger, 'debug' | 'warn'>;
  readonly observer?: ReflectorObserver | undefined;
  readonly timings?: ReflectorTimings | undefined;
}

/**
 * Keeps a copy of all objects of one resource, with certain labels, as they are on the API
 * server: lists them, then watches. Nothing ends it but `stop`: whatever fails is begun again, with
 * growing pauses. While the API server is away, the copy stays as it was.
 */
export class Reflector {
  readonly resource: Resource;
  readonly labelSelector: string | undefined;
  /** Resolves when everything was listed once. */
  readonly synced: Promise<void>;
  private readonly options: ReflectorOptions;
  private readonly timings: ReflectorTimings;
  private readonly store = new ObjectStore();
  private readonly stopping = new AbortController();
  private running: Promise<void> | undefined;
  private markSynced: () => void = () => {};
  /** Where the next watch goes on. */
  private version: string | undefined;
  private relistAt = 0;
  private heardAt: number | undefined;

  constructor(options: ReflectorOptions) {
    this.options = options;
    this.resource = options.resource;
    this.labelSelector = options.labelSelector;
    this.timings = options.timings ?? usualTimings;
    this.synced = new Promise((resolve) => {
      this.markSynced = resolve;
    });
  }

  start(): void {
    this.running ??= this.run(this.stopping.signal);
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  get isSynced(): boolean {
    return this.heardAt !== undefined;
  }

  /** Since the API server was last heard of. A watch without changes is heard of every minute. */
  get silentMs(): number {
    return this.heardAt === undefined ? Number.POSITIVE_INFINITY : performance.now() - this.heardAt;
  }

  get size(): number {
    return this.store.size;
  }

  get(key: Key): KubeObject | undefined {
    return this.store.get(key);
  }

  list(namespace?: string): readonly KubeObject[] {
    return this.store.list(namespace);
  }

  find(index: Index, value: string): readonly KubeObject[] {
    return this.store.find(index, value);
  }

  /** The listener must not throw. */
  listen(listener: Listener): void {
    this.store.listen(listener);
  }

  /** Takes over the answer to an own write. */
  written(object: KubeObject): void {
    this.store.written(object);
  }

  deleted(object: KubeObject): void {
    this.store.delete(object);
  }

  private async run(signal: AbortSignal): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      const startedAt = performance.now();
      let retryAfterMs: number | undefined;
      try {
        if (this.version === undefined || startedAt >= this.relistAt) await this.relist();
        await this.follow(signal);
      } catch (error) {
        if (signal.aborted) return;
        retryAfterMs = this.failed(error, failures);
      }
      failures = performance.now() - startedAt >= settledMs ? 0 : failures + 1;
      if (failures >= failuresBeforeListMax) this.version = undefined;
      const jittered = fullJitter(failures, restartBaseMs, restartMaxMs);
      await pause((retryAfterMs ?? 0) + jittered, signal);
    }
  }

  /** The pause that the server asks for. */
  private failed(error: unknown, failures: number): number | undefined {
    const { logger, observer } = this.options;
    const what = this.resource.plural;
    if (isExpired(error)) {
      this.version = undefined;
      observer?.restarted(this.resource, 'Expired');
      logger.debug({ what }, 'the watched version has expired, listing again');
      return undefined;
    }
    const isKnown = isUnavailable(error);
    observer?.restarted(this.resource, isKnown ? error.reason : 'Broken');
    // A single broken connection is an everyday event.
    const level = failures > 0 ? 'warn' : 'debug';
    logger[level]({ what, err: error, failures }, 'a watch broke and is begun again');
    return isKnown ? error.retryAfterMs : undefined;
  }

  private async relist(): Promise<void> {
    const { kube, observer, labelSelector } = this.options;
    this.store.expectList();
    const selection = labelSelector === undefined ? {} : { labelSelector };
    const { items, resourceVersion } = await kube.listed(this.resource, selection);
    if (this.stopping.signal.aborted) return;
    const missed = this.store.replace(items, this.version);
    if (missed > 0) observer?.missed(this.resource, missed);
    this.version = resourceVersion;
    this.relistAt = performance.now() + this.timings.relistMs;
    this.heard();
    this.markSynced();
  }

  /** Until the server ends the watch, or the next list is due. */
  private async follow(signal: AbortSignal): Promise<void> {
    const { watchMinSeconds, watchMaxSeconds } = this.timings;
    const random = watchMinSeconds + Math.random() * (watchMaxSeconds - watchMinSeconds);
    const dueSeconds = (this.relistAt - performance.now()) / 1_000;
    const events = this.options.kube.watch(this.resource, {
      ...(this.labelSelector === undefined ? {} : { labelSelector: this.labelSelector }),
      resourceVersion: this.version ?? '0',
      timeoutSeconds: Math.max(1, Math.ceil(Math.min(random, dueSeconds))),
      signal,
    });
    for await (const event of events) {
      this.heard();
      if (event.type === 'bookmark') {
        this.version = event.resourceVersion;
        continue;
      }
      if (event.type === 'changed') this.store.set(event.object);
      else this.store.delete(event.object);
      this.version = event.object.metadata.resourceVersion ?? this.version;
    }
  }

  private heard(): void {
    this.heardAt = performance.now();
  }
}
