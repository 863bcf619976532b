import { fullJitter } from '@windlass/runtime/failure/retry.ts';

const retryBaseMs = 5;
const retryMaxMs = 300_000;

/** What follows on the work of a key. Without a delay it waits until somebody adds it. */
export type Next =
  | { readonly next: 'forget'; readonly afterMs?: number | undefined }
  /** Later each time, until a work of the key is forgotten. */
  | { readonly next: 'retry'; readonly afterMs?: number | undefined };

export interface WorkQueueOptions {
  /** Never two at once for the same key. Must not reject. */
  readonly work: (key: string) => Promise<Next>;
  /** Works at the same time. */
  readonly concurrency: number;
  readonly random?: () => number;
}

/**
 * Keys to be worked on, each once however often it is added. A key that is added while it is
 * worked on is worked on once more afterwards. A failing key is tried again after a random time
 * below 5 ms · 2ⁿ, at most 5 minutes.
 */
export class WorkQueue {
  private readonly options: WorkQueueOptions;
  /** In the order of their turns. */
  private readonly ready = new Set<string>();
  private readonly working = new Map<string, Promise<void>>();
  private readonly addedMeanwhile = new Set<string>();
  private readonly delayed = new Map<string, { readonly timer: NodeJS.Timeout; at: number }>();
  private readonly failures = new Map<string, number>();
  private isStopped = false;

  constructor(options: WorkQueueOptions) {
    this.options = options;
  }

  /** Keys whose turn has come, and which wait for a free place. */
  get depth(): number {
    return this.ready.size;
  }

  get active(): number {
    return this.working.size;
  }

  add(key: string): void {
    if (this.isStopped) return;
    this.undelay(key);
    if (this.working.has(key)) this.addedMeanwhile.add(key);
    else this.ready.add(key);
    this.fill();
  }

  /** The earliest of several times counts. Whatever starts the key's work before ends the wait. */
  addAfter(key: string, delayMs: number): void {
    if (this.isStopped || this.ready.has(key)) return;
    const at = performance.now() + delayMs;
    const planned = this.delayed.get(key);
    if (planned !== undefined && planned.at <= at) return;
    this.undelay(key);
    const timer = setTimeout(() => {
      this.delayed.delete(key);
      this.add(key);
    }, delayMs);
    this.delayed.set(key, { timer, at });
  }

  /** How often the key has failed since it last did not. */
  retriesOf(key: string): number {
    return this.failures.get(key) ?? 0;
  }

  /** Resolves when the works under way have ended. No other is begun. */
  async stop(): Promise<void> {
    this.isStopped = true;
    for (const key of [...this.delayed.keys()]) this.undelay(key);
    this.ready.clear();
    this.addedMeanwhile.clear();
    await Promise.all(this.working.values());
  }

  private fill(): void {
    for (const key of this.ready) {
      if (this.working.size >= this.options.concurrency) return;
      this.ready.delete(key);
      this.working.set(key, this.run(key));
    }
  }

  private async run(key: string): Promise<void> {
    // The key has to be known as worked on before its work can add it again.
    await Promise.resolve();
    const after = await this.options.work(key);
    this.working.delete(key);
    if (after.next === 'forget') this.failures.delete(key);
    else this.failures.set(key, this.retriesOf(key) + 1);
    if (this.isStopped) return;
    if (this.addedMeanwhile.delete(key)) this.ready.add(key);
    else if (after.next === 'retry') this.addAfter(key, after.afterMs ?? this.backoffMs(key));
    else if (after.afterMs !== undefined) this.addAfter(key, after.afterMs);
    this.fill();
  }

  private backoffMs(key: string): number {
    return fullJitter(this.retriesOf(key) - 1, retryBaseMs, retryMaxMs, this.options.random);
  }

  private undelay(key: string): void {
    clearTimeout(this.delayed.get(key)?.timer);
    this.delayed.delete(key);
  }
}
