import { isDeepStrictEqual } from 'node:util';
import type { Logger } from '@windlass/runtime/telemetry/log.ts';
import { EventRecorder } from './events.ts';
import { Finalizer, hasFinalizer } from './finalizer.ts';
import type { HttpClient } from './http-client.ts';
import type { Kind, PlannedAction, Watch } from './kind.ts';
import type { Change } from './object-store.ts';
import { type Key, type KubeObject, keyOf, type Resource } from './objects.ts';
import { type LoopObserver, noObserver } from './observer.ts';
import { Reconciler } from './reconciler.ts';
import type { ReflectedCache } from './reflected-cache.ts';
import type { Reflector } from './reflector.ts';
import { StatusWriter } from './status.ts';
import { WorkQueue } from './work-queue.ts';
import { writeThrough } from './write-through.ts';

const resyncMs = 300_000;
/** Objects of one kind that are worked on at the same time. */
const concurrency = 8;

export interface LoopOptions {
  /** Its writes ask `fence`; see `HttpClient.fencedBy`. */
  readonly kube: HttpClient;
  readonly cache: ReflectedCache;
  readonly fence: () => void;
  readonly logger: Logger;
  /** Which replica this is, for Events. */
  readonly instance: string;
  readonly observer?: LoopObserver;
  readonly resyncMs?: number;
  readonly concurrency?: number;
  /** Epoch in milliseconds. */
  readonly now?: () => number;
}

interface Running {
  readonly resource: Resource;
  /** Its own objects, and what it watches. */
  readonly reflectors: readonly Reflector[];
  /** Of this term; there is none while another process leads. */
  queue: WorkQueue | undefined;
  readonly work: (signal: AbortSignal) => WorkQueue;
}

/**
 * Runs kinds: whenever one of their objects or something that it depends on changes, and every
 * few minutes, it is looked at. Caches are filled on every replica from `start` on; kinds run
 * only within `lead`.
 */
export class ControlLoop {
  private readonly options: LoopOptions;
  private readonly events: EventRecorder;
  private readonly kinds = new Map<string, Running>();

  constructor(options: LoopOptions) {
    this.options = options;
    const { kube, logger, instance } = options;
    this.events = new EventRecorder({ kube, logger, instance });
  }

  /** Before `start`. */
  add<Facts, Action extends PlannedAction>(kind: Kind<Facts, Action>): void {
    const { cache } = this.options;
    const { resource, watches } = kind;
    const own = cache.reflector(resource);
    own.listen((change) => {
      const object = change.after ?? change.before;
      if (object !== undefined && concernsUs(change)) this.enqueue(resource, keyOf(object));
    });
    const watched = watches.map((watch) => {
      const reflector = cache.reflector(watch.resource, watch.labelSelector);
      reflector.listen((change) => {
        for (const key of this.concerned(watch, change)) this.enqueue(resource, key);
      });
      return reflector;
    });
    this.kinds.set(idOf(resource), {
      resource,
      reflectors: [own, ...watched],
      queue: undefined,
      work: (signal) => this.queueOf(kind, signal),
    });
  }

  start(): void {
    this.options.cache.start();
  }

  /** Ends the caches. */
  async stop(): Promise<void> {
    await this.options.cache.stop();
  }

  /** Runs the kinds until the signal is aborted and what was under way has ended. */
  async lead(signal: AbortSignal): Promise<void> {
    const aborted = new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
    await Promise.all([...this.kinds.values()].map((kind) => this.run(kind, signal, aborted)));
    await this.events.flush();
  }

  /** A kind whose resources cannot be listed does not hold up the others. */
  private async run(kind: Running, signal: AbortSignal, aborted: Promise<void>): Promise<void> {
    const synced = Promise.all(kind.reflectors.map((reflector) => reflector.synced));
    await Promise.race([synced, aborted]);
    if (signal.aborted) return;
    kind.queue = kind.work(signal);
    this.enqueueAll(kind.resource);
    await aborted;
    await kind.queue.stop();
    kind.queue = undefined;
  }

  /** Looks at the object soon. Nothing happens while another process leads. */
  enqueue(resource: Resource, key: Key): void {
    this.kinds.get(idOf(resource))?.queue?.add(key);
  }

  enqueueAll(resource: Resource): void {
    for (const object of this.options.cache.list(resource)) this.enqueue(resource, keyOf(object));
  }

  /** Of each kind, how many objects wait for their turn and how many are worked on. */
  depths(): readonly {
    readonly resource: Resource;
    readonly ready: number;
    readonly active: number;
  }[] {
    return [...this.kinds.values()].map(({ resource, queue }) => ({
      resource,
      ready: queue?.depth ?? 0,
      active: queue?.active ?? 0,
    }));
  }

  private queueOf<Facts, Action extends PlannedAction>(
    kind: Kind<Facts, Action>,
    signal: AbortSignal,
  ): WorkQueue {
    const { kube, cache, fence, logger, observer = noObserver } = this.options;
    const { resource } = kind;
    const through = writeThrough(kube, cache);
    const { reconcile } = new Reconciler({
      kind,
      context: { kube: through, cache, fence, signal, now: this.options.now ?? Date.now },
      logger,
      events: this.events,
      status: new StatusWriter({
        kube: through,
        resource,
        onWrite: () => observer.statusWritten(resource),
      }),
      finalizer: new Finalizer(kube, cache, resource),
      observer,
      resyncMs: this.options.resyncMs ?? resyncMs,
    });
    return new WorkQueue({
      work: reconcile,
      concurrency: this.options.concurrency ?? concurrency,
    });
  }

  /** Also whom it concerned before it changed. */
  private concerned(watch: Watch, { before, after }: Change): ReadonlySet<Key> {
    const { cache, logger } = this.options;
    try {
      return new Set(
        [before, after].flatMap((object) =>
          object === undefined ? [] : watch.keysOf(object, cache),
        ),
      );
    } catch (error) {
      const what = watch.resource.plural;
      logger.error({ err: error, what }, 'it is not known whom a change concerns');
      return new Set();
    }
  }
}

/**
 * Whether a change of an own object is a reason to look at it. Our own writes, to the status and
 * of our finalizer, are none; annotations and labels are, whether or not the generation grows.
 */
function concernsUs({ before, after }: Change): boolean {
  if (before === undefined || after === undefined) return true;
  if (before.metadata.uid !== after.metadata.uid) return true;
  if (hasFinalizer(before) && !hasFinalizer(after)) return true;
  return !isDeepStrictEqual(wanted(before), wanted(after));
}

function wanted({ status: _, metadata, ...object }: KubeObject) {
  const { resourceVersion: __, finalizers: ___, ...others } = metadata;
  return { ...object, metadata: others };
}

function idOf({ group, plural }: Resource): string {
  return `${plural}.${group}`;
}
