import type { ReceivedEvent } from '../event.ts';
import type { Undertaker } from '../failure/dead-letter.ts';
import { type ErrorClass, errorClassOf, messageOf, stackHashOf } from '../failure/poison.ts';
import { fullJitter } from '../failure/retry.ts';
import {
  type DeadLetterReason,
  type FailedMessage,
  type FailureRecord,
  recordFailure,
} from '../store/dead-letters.ts';
import { type ParkedMessage, type ParkReason, park } from '../store/parked.ts';
import type { Database } from '../store/pool.ts';
import type { Logger } from '../telemetry/log.ts';
import type { Arrived, Troubles } from './consumer.ts';
import type { Delivery } from './delivery.ts';

/** Deliveries of a message before it becomes a dead letter; the consumers' `max_deliver`. */
export const maxDeliver = 5;
const parkRetryMs = 1_000;

export interface TroubleOptions {
  readonly database: Database;
  readonly undertaker: Undertaker;
  readonly logger: Pick<Logger, 'warn'>;
  readonly retryBaseMs: number;
  readonly retryMaxMs: number;
  /** Called for each handling that failed. */
  readonly onFailed: (durable: string, errorClass: ErrorClass) => void;
}

/**
 * The rules for messages that were not handled: put back with growing delay, parked in
 * PostgreSQL, or filed as a dead letter and then ended.
 */
export function troubles(options: TroubleOptions): Troubles {
  const { database, undertaker, logger } = options;
  /** A failure counts once, however often its filing has to be repeated. */
  const recorded = new WeakMap<Delivery, FailureRecord>();

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
      let record = recorded.get(delivery);
      if (record === undefined) {
        record = await recordFailure(database, failedMessage(delivery), 1);
        recorded.set(delivery, record);
        options.onFailed(delivery.durable, errorClass);
      }
      const exhausted = record.failures >= maxDeliver || delivery.deliveries >= maxDeliver;
      if (errorClass === 'permanent' || exhausted) {
        const reason = errorClass === 'permanent' ? 'permanent' : 'retries-exhausted';
        const [message, stackHash] = [messageOf(error), stackHashOf(error)];
        const shown = { class: errorClass, message, stackHash };
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
      await park(database, parkedMessage(delivery, event, reason), Date.now() + parkRetryMs);
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

function parkedMessage(
  delivery: Delivery,
  event: ReceivedEvent,
  reason: ParkReason,
): Omit<ParkedMessage, 'parkedAt'> {
  const { logicalId, aggregateId, sequence, type } = event;
  const source = type.slice(0, type.indexOf('.'));
  const { deliveries } = delivery;
  const place = { logicalId, aggregateId, sequence, source };
  return { ...failedMessage(delivery), ...place, reason, deliveries };
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
