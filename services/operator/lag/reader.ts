import type { Consumer, Counts } from './consumers.ts';
import { ApiError } from './status.ts';

/** The age at which an answer is no longer given again. */
const keptMs = 2_000;
/** Questions that are on their way to NATS at once. */
const askingMax = 16;
/** Questions that wait for their turn; more are refused. */
const waitingMax = 1_024;
const keptAnswersMax = 10_000;

/** An answer and the time at which it was asked for, epoch in milliseconds. */
export interface Reading {
  readonly counts: Counts;
  readonly at: number;
}

/** Asks the leader of a consumer; rejects with ApiError when there is no answer or no consumer. */
export type AskConsumer = (consumer: Consumer) => Promise<Counts>;

/**
 * Counts of consumers, at most two seconds old. A consumer is asked for once at a time, however
 * many want to know. A failure is never replaced by an older answer, nor by a number.
 */
export class LagReader {
  private readonly ask: AskConsumer;
  private readonly now: () => number;
  private readonly kept = new Map<string, Reading>();
  private readonly flights = new Map<string, Promise<Reading>>();
  private readonly waiting: (() => void)[] = [];
  private asking = 0;

  constructor(ask: AskConsumer, now: () => number = Date.now) {
    this.ask = ask;
    this.now = now;
  }

  read(consumer: Consumer): Promise<Reading> {
    const { identity } = consumer;
    const kept = this.kept.get(identity);
    if (kept !== undefined && this.now() - kept.at < keptMs) return Promise.resolve(kept);
    const running = this.flights.get(identity);
    if (running !== undefined) return running;
    const flight = this.fetch(consumer).finally(() => this.flights.delete(identity));
    this.flights.set(identity, flight);
    return flight;
  }

  private async fetch(consumer: Consumer): Promise<Reading> {
    await this.turn();
    try {
      const at = this.now();
      const reading = { at, counts: await this.ask(consumer) };
      this.keep(consumer.identity, reading);
      return reading;
    } finally {
      this.passOn();
    }
  }

  private async turn(): Promise<void> {
    if (this.asking >= askingMax) {
      if (this.waiting.length >= waitingMax) {
        throw new ApiError('TooManyRequests', 'too many consumers are asked for at once');
      }
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    } else this.asking += 1;
  }

  /** The turn goes to who waits longest, so that nobody comes between. */
  private passOn(): void {
    const next = this.waiting.shift();
    if (next === undefined) this.asking -= 1;
    else next();
  }

  /** The oldest go first: a map keeps the order of insertion, and times only grow. */
  private keep(identity: string, reading: Reading): void {
    this.kept.delete(identity);
    this.kept.set(identity, reading);
    for (const [oldest, { at }] of this.kept) {
      if (this.kept.size <= keptAnswersMax && this.now() - at < keptMs) break;
      this.kept.delete(oldest);
    }
  }
}
