import type { Database } from './pool.ts';
import type { Statement } from './transaction.ts';

/** A message that will not be handled without somebody's doing, and why. */
export interface DeadLetter {
  /** `<stream>:<sequence>:<consumer>`: filed once however often it is reported. */
  readonly id: string;
  readonly consumer: string;
  readonly stream: string;
  readonly streamSequence: number;
  readonly subject: string;
  /** Header lines and body as they were received. */
  readonly headers: string;
  readonly body: Uint8Array;
  readonly reason: DeadLetterReason;
  readonly errorClass: string;
  readonly message: string;
  readonly stackHash: string;
  readonly serviceVersion: string;
  readonly deliveries: number;
  /** Milliseconds since the epoch. */
  readonly firstFailedAt: number;
  readonly lastFailedAt: number;
}

export const deadLetterReasons = [
  'unknown-event',
  'malformed-envelope',
  'malformed-body',
  'permanent',
  'retries-exhausted',
  'crash-exhausted',
  'orphan',
  'gap',
] as const;
export type DeadLetterReason = (typeof deadLetterReasons)[number];

export function deadLetterId(stream: string, streamSequence: number, consumer: string): string {
  return `${stream}:${streamSequence}:${consumer}`;
}

/** Files a dead letter; one with the same id is left as it is. */
export function insertDeadLetter(letter: DeadLetter): Statement {
  return {
    name: 'dead-letters-insert',
    text: `INSERT INTO dead_letters (id, consumer, stream, stream_sequence, subject, headers, body,
             reason, error_class, message, stack_hash, service_version, deliveries,
             first_failed_at, last_failed_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
           ON CONFLICT (id) DO NOTHING`,
    values: [
      letter.id,
      letter.consumer,
      letter.stream,
      letter.streamSequence,
      letter.subject,
      Buffer.from(letter.headers, 'latin1'),
      Buffer.from(letter.body),
      letter.reason,
      letter.errorClass,
      letter.message,
      letter.stackHash,
      letter.serviceVersion,
      letter.deliveries,
      new Date(letter.firstFailedAt),
      new Date(letter.lastFailedAt),
    ],
  };
}

/** The failed deliveries of one message so far. */
export interface FailureRecord {
  readonly failures: number;
  readonly firstFailedAt: number;
}

export interface FailedMessage {
  readonly consumer: string;
  readonly stream: string;
  readonly streamSequence: number;
  readonly subject: string;
  readonly headers: string;
  readonly body: Uint8Array;
}

/**
 * Counts a failure of a message, or with `count` 0 only keeps a copy of it: before its last
 * delivery is handled, so that a crash in it leaves something to file.
 */
export async function recordFailure(
  database: Database,
  message: FailedMessage,
  count: 0 | 1,
): Promise<FailureRecord> {
  const [row] = await database.query<{ failures: number; first_failed_at: Date }>({
    name: 'delivery-failures-record',
    text: `INSERT INTO delivery_failures AS f (consumer, stream, stream_sequence, failures,
             first_failed_at, last_failed_at, subject, headers, body)
           VALUES ($1, $2, $3, $4, now(), now(), $5, $6, $7)
           ON CONFLICT (consumer, stream, stream_sequence) DO UPDATE
             SET failures = f.failures + excluded.failures, last_failed_at = now()
           RETURNING failures, first_failed_at`,
    values: [
      message.consumer,
      message.stream,
      message.streamSequence,
      count,
      message.subject,
      Buffer.from(message.headers, 'latin1'),
      Buffer.from(message.body),
    ],
  });
  return {
    failures: row?.failures ?? count,
    firstFailedAt: row?.first_failed_at.getTime() ?? Date.now(),
  };
}

/** What is kept of a message's failures; `undefined` when it never failed. */
export async function readFailure(
  database: Database,
  consumer: string,
  stream: string,
  streamSequence: number,
): Promise<(FailedMessage & FailureRecord & { lastFailedAt: number }) | undefined> {
  const [row] = await database.query<{
    failures: number;
    first_failed_at: Date;
    last_failed_at: Date;
    subject: string;
    headers: Buffer;
    body: Buffer;
  }>({
    name: 'delivery-failures-read',
    text: `SELECT failures, first_failed_at, last_failed_at, subject, headers, body
           FROM delivery_failures
           WHERE consumer = $1 AND stream = $2 AND stream_sequence = $3`,
    values: [consumer, stream, streamSequence],
  });
  if (row === undefined) return undefined;
  return {
    consumer,
    stream,
    streamSequence,
    subject: row.subject,
    headers: row.headers.toString('latin1'),
    body: row.body,
    failures: row.failures,
    firstFailedAt: row.first_failed_at.getTime(),
    lastFailedAt: row.last_failed_at.getTime(),
  };
}
