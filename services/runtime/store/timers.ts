import type { QueryResultRow } from 'pg';
import { isUnavailable } from '../failure/database-errors.ts';
import { pause } from '../failure/retry.ts';
import type { Logger } from '../telemetry/log.ts';
import { writeBisected } from './batch-writer.ts';
import type { Database } from './pool.ts';
import type { Statement } from './transaction.ts';
import type { UnitOfWork, Work } from './unit-of-work.ts';

/** About so many of a kind fire in a second, so that an outage's backlog is no one burst. */
const firesPerSecond = 500;
const batchMax = 100;

/** A kind of deadline that the service's own rows carry. */
export interface Timer<World, Change> {
  readonly name: string;
  /** Streams whose events can make the deadline moot. */
  readonly answeredOn: readonly string[];
  /** Selects what was due at `before` (ms), the oldest first. */
  readonly due: (before: number, limit: number) => Statement;
  /** Checks again under the row's lock: a deadline that moved is stale. */
  work(row: QueryResultRow): Work<World, Change>;
}

export interface TimersOptions<World, Change> {
  readonly database: Database;
  readonly unitOfWork: UnitOfWork<World, Change>;
  readonly timers: readonly Timer<World, Change>[];
  /**
   * The time in ms up to which every event of the stream was handled. A deadline after it does
   * not fire: its answer may be waiting, and an outage must not cancel good orders.
   */
  readonly handledUpTo: (stream: string) => Promise<number>;
  readonly logger: Pick<Logger, 'warn'>;
  readonly now: () => number;
  readonly intervalMs?: number;
}

/** Fires the deadlines that have passed. Every replica looks; the row lock decides. */
export class Timers<World, Change> {
  private readonly options: TimersOptions<World, Change>;
  private readonly stopping = new AbortController();
  private loop: Promise<void> | undefined;

  constructor(options: TimersOptions<World, Change>) {
    this.options = options;
  }

  start(): void {
    if (this.options.timers.length > 0) this.loop = this.runForEver();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.loop;
  }

  private async runForEver(): Promise<void> {
    const { signal } = this.stopping;
    const interval = this.options.intervalMs ?? 1_000;
    while (!signal.aborted) {
      // Replicas that started together would otherwise fight for the same rows every time.
      await pause(interval * (0.75 + Math.random() / 2), signal);
      for (const timer of this.options.timers) {
        if (signal.aborted) return;
        await this.fire(timer, Math.ceil((firesPerSecond * interval) / 1_000)).catch((error) => {
          if (isUnavailable(error)) return;
          this.options.logger.warn({ err: error, timer: timer.name }, 'deadlines did not fire');
        });
      }
    }
  }

  private async fire(timer: Timer<World, Change>, limit: number): Promise<void> {
    const now = this.options.now();
    const due = await this.options.database.query(timer.due(now, limit));
    if (due.length === 0) return;
    const limits = await Promise.all(timer.answeredOn.map(this.options.handledUpTo));
    const before = Math.min(now, ...limits);
    const rows = before < now ? await this.options.database.query(timer.due(before, limit)) : due;
    for (let index = 0; index < rows.length; index += batchMax) {
      const works = this.worksOf(timer, rows.slice(index, index + batchMax));
      const results = await writeBisected(works, this.options.unitOfWork.run);
      for (const result of results) {
        if (result.status === 'rejected' && !isUnavailable(result.reason)) {
          this.options.logger.warn({ err: result.reason }, 'a deadline could not be applied');
        }
      }
    }
  }

  /** A row that makes no work is left out: it must not hold up those after it. */
  private worksOf(
    timer: Timer<World, Change>,
    rows: readonly QueryResultRow[],
  ): Work<World, Change>[] {
    return rows.flatMap((row) => {
      try {
        return [timer.work(row)];
      } catch (error) {
        this.options.logger.warn({ err: error, timer: timer.name }, 'a deadline is not understood');
        return [];
      }
    });
  }
}
