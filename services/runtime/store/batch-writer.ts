import { classify } from '../failure/database-errors.ts';

export type Settled<Result> =
  | { readonly status: 'fulfilled'; readonly value: Result }
  | { readonly status: 'rejected'; readonly reason: unknown };

export interface BatchWriterOptions<Item, Result> {
  /** Writes all items in one transaction, or none and throws. One result for each item. */
  readonly write: (items: readonly Item[]) => Promise<readonly Settled<Result>[]>;
  readonly maxBatch: number;
  /** Batches that may be written at the same time, each on its own connection. */
  readonly concurrency: number;
  readonly onBatch?: (size: number) => void;
}

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Turns many concurrent writes into few statements. An item that arrives while nothing runs is
 * written at once; what arrives meanwhile forms the next batch. Nothing ever waits for a batch
 * to fill.
 *
 * An item whose data the database refuses fails alone: its batch is written again in halves.
 */
export class BatchWriter<Item, Result> {
  private readonly options: BatchWriterOptions<Item, Result>;
  private queue: Waiting<Item, Result>[] = [];
  private running = 0;
  private scheduled = false;
  private idle: (() => void)[] = [];

  constructor(options: BatchWriterOptions<Item, Result>) {
    this.options = options;
  }

  /** Items that wait for their batch. The owner bounds it by refusing new work. */
  get depth(): number {
    return this.queue.length;
  }

  /** Rejects with the reason of this item alone. */
  submit(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.queue.push({ item, resolve, reject });
      this.schedule();
    });
  }

  /** Resolves when everything that was submitted is written or has failed. */
  async drained(): Promise<void> {
    if (this.running === 0 && this.queue.length === 0) return;
    await new Promise<void>((resolve) => this.idle.push(resolve));
  }

  /** Items that became ready in one turn of the event loop share a batch. */
  private schedule(): void {
    if (this.scheduled || this.running >= this.options.concurrency) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      this.start();
    });
  }

  private start(): void {
    while (this.running < this.options.concurrency && this.queue.length > 0) {
      const batch = this.queue.slice(0, this.options.maxBatch);
      this.queue = this.queue.slice(batch.length);
      this.running += 1;
      this.options.onBatch?.(batch.length);
      void this.write(batch).finally(() => {
        this.running -= 1;
        if (this.queue.length > 0) this.start();
        else if (this.running === 0) for (const resolve of this.idle.splice(0)) resolve();
      });
    }
  }

  private async write(batch: readonly Waiting<Item, Result>[]): Promise<void> {
    const results = await writeBisected(
      batch.map((waiting) => waiting.item),
      this.options.write,
    );
    batch.forEach((waiting, index) => {
      const result = results[index];
      if (result?.status === 'fulfilled') waiting.resolve(result.value);
      else waiting.reject(result?.reason ?? new Error('the batch gave no result for this item'));
    });
  }
}

/**
 * Writes items as one batch. When the batch fails for a reason that may lie in one of them, its
 * halves are written on their own, so that a bad item costs the others log₂ n statements and
 * nothing else. Never throws.
 */
export async function writeBisected<Item, Result>(
  items: readonly Item[],
  write: (items: readonly Item[]) => Promise<readonly Settled<Result>[]>,
): Promise<Settled<Result>[]> {
  try {
    return [...(await write(items))];
  } catch (reason) {
    // With the database away every half would fail as well.
    if (items.length === 1 || classify(reason) === 'unavailable') {
      return items.map(() => ({ status: 'rejected', reason }));
    }
    const middle = Math.ceil(items.length / 2);
    const left = await writeBisected(items.slice(0, middle), write);
    return [...left, ...(await writeBisected(items.slice(middle), write))];
  }
}
