import { Failure } from '../failure/errors.ts';

/** Requests that may wait at the same time. */
const waitersMax = 1_000;
const pollMs = 100;

export interface WaitersOptions {
  /** Which of these are what is waited for, by one query. */
  readonly poll: (ids: readonly string[]) => Promise<readonly string[]>;
  readonly pollMs?: number;
}

/**
 * Requests that wait for something to be settled. They are woken in process when it happens
 * here; for what happens in another replica one query every 100 ms asks for all of them.
 */
export class Waiters {
  private readonly options: WaitersOptions;
  private readonly waiting = new Map<string, Set<() => void>>();
  private count = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(options: WaitersOptions) {
    this.options = options;
  }

  /**
   * Resolves when the id is settled, after `ms`, or when the signal is aborted: the caller looks
   * at the state itself. Rejects with `too-many-waiters` above the bound.
   */
  async wait(id: string, ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    if (this.count >= waitersMax) throw new Failure('too-many-waiters', { retryAfterSeconds: 1 });
    this.count += 1;
    this.startPolling();
    const wakers = this.waiting.get(id) ?? new Set();
    this.waiting.set(id, wakers);
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        wakers.delete(done);
        if (wakers.size === 0 && this.waiting.get(id) === wakers) this.waiting.delete(id);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener('abort', done);
      wakers.add(done);
    });
    this.count -= 1;
  }

  settled(id: string): void {
    for (const wake of this.waiting.get(id) ?? []) wake();
  }

  /** Ends every wait; the callers answer with the state as it is. */
  release(): void {
    for (const id of [...this.waiting.keys()]) this.settled(id);
    clearInterval(this.timer);
    this.timer = undefined;
  }

  private startPolling(): void {
    this.timer ??= setInterval(() => void this.poll(), this.options.pollMs ?? pollMs);
    this.timer.unref();
  }

  private async poll(): Promise<void> {
    if (this.waiting.size === 0) {
      clearInterval(this.timer);
      this.timer = undefined;
      return;
    }
    // Failing costs a waiter nothing but the time until the next poll.
    const settled = await this.options.poll([...this.waiting.keys()]).catch(() => []);
    for (const id of settled) this.settled(id);
  }
}
