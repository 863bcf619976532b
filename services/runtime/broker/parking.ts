import type { ReceivedEvent } from '../event.ts';
import { isUnavailable } from '../failure/database-errors.ts';
import type { Undertaker } from '../failure/dead-letter.ts';
import { errorClassOf, messageOf, PermanentError, stackHashOf } from '../failure/poison.ts';
import { fullJitter, pause } from '../failure/retry.ts';
import type { Settled } from '../store/batch-writer.ts';
import type { DeadLetterReason } from '../store/dead-letters.ts';
import { hastenParked, type ParkedMessage, takeParked, unpark } from '../store/parked.ts';
import type { Database } from '../store/pool.ts';
import type { Verdict } from '../store/unit-of-work.ts';
import type { Logger } from '../telemetry/log.ts';
import type { decoder } from './decode.ts';

const intervalMs = 1_000;
const takeMax = 200;
/** How long a parked message may wait for what it needs before it becomes a dead letter. */
export const parkedMaxMs = 10 * 60_000;

export interface ParkingOptions {
  readonly database: Database;
  readonly decode: ReturnType<typeof decoder>;
  readonly handle: (events: readonly ReceivedEvent[]) => Promise<readonly Settled<Verdict>[]>;
  readonly undertaker: Undertaker;
  readonly logger: Pick<Logger, 'warn'>;
  readonly maxAgeMs?: number;
}

/**
 * Tries parked messages again: those of a gap when the gap may have closed, those of unknown
 * aggregates once in a while. One that waited too long becomes a dead letter.
 */
export class Parking {
  private readonly options: ParkingOptions;
  private readonly stopping = new AbortController();
  private loop: Promise<void> | undefined;
  private soon = new AbortController();
  private readonly moved = new Set<string>();

  constructor(options: ParkingOptions) {
    this.options = options;
  }

  start(): void {
    this.loop = this.runForEver();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.loop;
  }

  /** An event of this aggregate was applied: what waits behind it may follow now. */
  applied(aggregateId: string): void {
    this.moved.add(aggregateId);
    this.soon.abort();
  }

  private async runForEver(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      this.soon = new AbortController();
      const again = await this.tryDue().catch((error: unknown) => {
        if (!isUnavailable(error)) {
          this.options.logger.warn({ err: error }, 'parked messages could not be tried');
        }
        return false;
      });
      if (!again) await pause(intervalMs, AbortSignal.any([signal, this.soon.signal]));
    }
  }

  /** True when it should look again at once. */
  private async tryDue(): Promise<boolean> {
    const { database } = this.options;
    if (this.moved.size > 0) {
      const moved = [...this.moved];
      this.moved.clear();
      await hastenParked(database, moved);
    }
    const now = Date.now();
    const retryAt = now + 1_000 + fullJitter(4, 1_000, 10_000);
    const messages = await takeParked(database, takeMax, now, retryAt);
    if (messages.length === 0) return false;
    const handled: ParkedMessage[] = [];
    const decodable: { message: ParkedMessage; event: ReceivedEvent }[] = [];
    for (const message of messages) {
      const decoded = this.options.decode(message);
      if (decoded.ok) decodable.push({ message, event: decoded.event });
      else {
        // Parked by a release that knew this event.
        const reason = new PermanentError(decoded.message);
        await this.bury(message, { status: 'rejected', reason });
        handled.push(message);
      }
    }
    const verdicts = await this.options.handle(decodable.map(({ event }) => event));
    for (const [index, { message }] of decodable.entries()) {
      const verdict = verdicts[index];
      if (verdict === undefined) continue;
      if (await this.isSettled(message, verdict)) handled.push(message);
    }
    if (handled.length === 0) return false;
    await unpark(database, handled);
    await hastenParked(
      database,
      handled.map((message) => message.aggregateId),
    );
    return true;
  }

  private async isSettled(message: ParkedMessage, verdict: Settled<Verdict>): Promise<boolean> {
    const waiting =
      verdict.status === 'rejected'
        ? !isUnavailable(verdict.reason)
        : verdict.value.kind === 'orphan' || verdict.value.kind === 'gap';
    if (verdict.status === 'fulfilled' && !waiting) return true;
    const age = Date.now() - message.parkedAt;
    const hopeless = verdict.status === 'rejected' && errorClassOf(verdict.reason) === 'permanent';
    const tooOld = hopeless || age > (this.options.maxAgeMs ?? parkedMaxMs);
    if (!waiting || !tooOld) return false;
    await this.bury(message, verdict);
    return true;
  }

  private async bury(message: ParkedMessage, verdict: Settled<Verdict>): Promise<void> {
    const failed = verdict.status === 'rejected';
    const errorClass = failed ? errorClassOf(verdict.reason) : 'blocked';
    const givenUp = errorClass === 'permanent' ? 'permanent' : 'retries-exhausted';
    const reason: DeadLetterReason = failed ? givenUp : message.reason;
    await this.options.undertaker.file(message, {
      reason,
      errorClass,
      message: failed
        ? messageOf(verdict.reason)
        : `waited for ${message.reason === 'gap' ? 'earlier events' : 'its aggregate'} in vain`,
      stackHash: failed ? stackHashOf(verdict.reason) : '',
      deliveries: message.deliveries,
      firstFailedAt: message.parkedAt,
    });
  }
}
