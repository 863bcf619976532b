import { errorClassOf, messageOf, stackHashOf } from '../failure/poison.ts';
import type { Undertaker } from '../failure/dead-letter.ts';
import { fullJitter } from '../failure/retry.ts';
import { type DeadLetterReason, type FailedMessage, recordFailure } from '../store/dead-letters.ts';
import { park } from '../store/parked.ts';
import type { Database } from '../store/pool.ts';
import type { Arrived, Troubles } from './consumer.ts';
import type { Delivery } from './delivery.ts';
import type { Logger } from '../telemetry/log.ts';

/** Deliveries of a message before it becomes a dead letter; the consumers' `max_deliver`. */
export const maxDeliver = 5;
const parkRetryMs = 1_000;

export interface TroubleOptions {
  readonly database: Database;
  readonly undertaker: Undertaker;
  readonly logger: Pick<Logger, 'warn'>;
  readonly retryBaseMs: number;
  readonly retryMaxMs: number;
  readonly onParked: (reason: 'orphan' | 'gap') => void;
}

/**
 * The rules for messages that were not handled: put back with growing delay, parked in
 * PostgreSQL, or filed as a dead letter and then ended.
 */
export function troubles(options: TroubleOptions): Troubles {
  const { database, undertaker, logger } = options;

  const bury = async (
    delivery: Delivery,
    reason: DeadLetterReason,
    error: { readonly class: string; readonly message: string; readonly stackHash: string },
    firstFailedAt: number,
  ): Promise<void> => {
    const { class: errorClass, message, stackHash } = error;
    const { deliveries } = delivery;
    const verdict = { reason, errorClass, message, stackHash, deliveries, firstFailedAt };
    await undertaker.file(failedMessage(delivery), verdict);
    // Only now: until both copies are stored the stream keeps the message.
    delivery.term(reason);
  };

  return {
    async undecodable(delivery, reason, message) {
      const known: DeadLetterReason =
        reason === 'unknown-event' || reason === 'malformed-envelope' ? reason : 'malformed-body';
      const error = { class: 'permanent', message, stackHash: '' };
      await bury(delivery, known, error, Date.now());
    },

    async failed({ delivery, event }: Arrived, error: unknown) {
      const errorClass = errorClassOf(error);
      const record = await recordFailure(database, failedMessage(delivery), 1);
      const exhausted = record.failures >= maxDeliver || delivery.deliveries >= maxDeliver;
      if (errorClass === 'permanent' || exhausted) {
        const reason = errorClass === 'permanent' ? 'permanent' : 'retries-exhausted';
        const shown = {
          class: errorClass,
          message: messageOf(error),
          stackHash: stackHashOf(error),
        };
        await bury(delivery, reason, shown, record.firstFailedAt);
        return;
      }
      const delay = fullJitter(delivery.deliveries - 1, options.retryBaseMs, options.retryMaxMs);
      logger.warn(
        { err: error, event: event.id, deliveries: delivery.deliveries, retryInMs: delay },
        'an event could not be handled and will be tried again',
      );
      delivery.nak(delay);
    },

    async parked({ delivery, event }: Arrived, reason) {
      const { logicalId, aggregateId, sequence, type } = event;
      const source = type.slice(0, type.indexOf('.'));
      const { deliveries } = delivery;
      await park(
        database,
        {
          ...failedMessage(delivery),
          logicalId,
          aggregateId,
          sequence,
          source,
          reason,
          deliveries,
        },
        Date.now() + parkRetryMs,
      );
      options.onParked(reason);
      delivery.ack();
    },

    async lastDelivery(delivery) {
      // When the process dies in the last delivery, the copy is what can be filed.
      if (delivery.deliveries >= maxDeliver) {
        await recordFailure(database, failedMessage(delivery), 0);
      }
    },
  };
}

function failedMessage(delivery: Delivery): FailedMessage {
  return {
    consumer: delivery.durable,
    stream: delivery.stream,
    streamSequence: delivery.streamSequence,
    subject: delivery.subject,
    headers: delivery.headers,
    body: delivery.body,
  };
}
