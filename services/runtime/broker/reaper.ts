import { z } from 'zod';
import { isUnavailable } from '../failure/database-errors.ts';
import type { Undertaker } from '../failure/dead-letter.ts';
import { deadLetterId, readFailure } from '../store/dead-letters.ts';
import type { Database } from '../store/pool.ts';
import type { Logger } from '../telemetry/log.ts';
import type { Broker } from './connection.ts';
import type { Delivery } from './delivery.ts';
import { Puller } from './puller.ts';

const retryMs = 5_000;

/** `io.nats.jetstream.advisory.v1.max_deliver`, as far as it is read. */
const advisory = z.object({
  stream: z.string(),
  consumer: z.string(),
  stream_seq: z.number(),
  deliveries: z.number(),
});

export interface ReaperOptions {
  readonly broker: Broker;
  readonly service: string;
  readonly database: Database;
  readonly undertaker: Undertaker;
  readonly logger: Pick<Logger, 'warn'>;
}

/**
 * Files messages whose deliveries ran out without anybody filing them: their process died in
 * the last one. It reads the server's advisories from the stream `ADVISORY`, and the bytes from
 * the copy that is made before a last delivery, so that no service may read streams at will.
 */
export class Reaper {
  private readonly options: ReaperOptions;
  private readonly puller: Puller;
  private running: Promise<void> | undefined;

  constructor(options: ReaperOptions) {
    this.options = options;
    this.puller = new Puller({
      broker: options.broker,
      stream: 'ADVISORY',
      durable: `${options.service}-reaper`,
      capacity: 32,
      onArrival: () => {
        this.running ??= this.run().finally(() => {
          this.running = undefined;
        });
      },
    });
  }

  async stop(): Promise<void> {
    this.puller.pause();
    await this.running;
    this.puller.close();
  }

  private async run(): Promise<void> {
    for (;;) {
      const [delivery] = this.puller.take(1);
      if (delivery === undefined) return;
      try {
        await this.reap(delivery);
        delivery.ack();
      } catch (error) {
        if (!isUnavailable(error)) {
          this.options.logger.warn({ err: error }, 'an exhausted message could not be filed');
        }
        delivery.nak(retryMs);
      }
    }
  }

  private async reap(delivery: Delivery): Promise<void> {
    const parsed = advisory.safeParse(jsonOf(delivery.body));
    if (!parsed.success) return;
    const { stream, consumer, stream_seq: streamSequence, deliveries } = parsed.data;
    const { database, undertaker } = this.options;
    const filed = await database.query({
      name: 'dead-letters-find',
      text: 'SELECT 1 FROM dead_letters WHERE id = $1',
      values: [deadLetterId(stream, streamSequence, consumer)],
    });
    if (filed.length > 0) return;
    const kept = await readFailure(database, consumer, stream, streamSequence);
    const now = Date.now();
    await undertaker.file(
      kept ?? { consumer, stream, streamSequence, subject: '', headers: '', body: Buffer.alloc(0) },
      {
        reason: (kept?.failures ?? 0) > 0 ? 'retries-exhausted' : 'crash-exhausted',
        errorClass: 'transient',
        message: 'its deliveries ran out without an answer',
        stackHash: '',
        deliveries,
        firstFailedAt: kept?.firstFailedAt ?? now,
      },
    );
  }
}

/** What is no JSON is no advisory, and is passed over like any other that is not understood. */
function jsonOf(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString());
  } catch {
    return undefined;
  }
}
