import type { Encoded } from '../broker/decode.ts';
import { textColumn } from './columns.ts';
import type { FailedMessage } from './dead-letters.ts';
import type { Database } from './pool.ts';

/** Why a message waits in PostgreSQL instead of in the stream, where waiting counts as failing. */
export type ParkReason = 'orphan' | 'gap';

export interface ParkedMessage extends FailedMessage, Encoded {
  readonly logicalId: string;
  readonly reason: ParkReason;
  readonly aggregateId: string;
  /** The context that numbers the aggregate's events. */
  readonly source: string;
  readonly sequence: number;
  readonly deliveries: number;
  readonly parkedAt: number;
}

/** Keeps a message; one that is parked already stays as it is. */
export async function park(
  database: Database,
  message: Omit<ParkedMessage, 'parkedAt'>,
  nextAttemptAt: number,
): Promise<void> {
  await database.query({
    name: 'parked-insert',
    text: `INSERT INTO parked (consumer, logical_id, source, aggregate_id, sequence, reason, stream,
             stream_sequence, subject, headers, body, deliveries, parked_at, next_attempt_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, now(), $13)
           ON CONFLICT DO NOTHING`,
    values: [
      message.consumer,
      message.logicalId,
      message.source,
      message.aggregateId,
      message.sequence,
      message.reason,
      message.stream,
      message.streamSequence,
      message.subject,
      Buffer.from(message.headers, 'latin1'),
      Buffer.from(message.body),
      message.deliveries,
      new Date(nextAttemptAt),
    ],
  });
}

/**
 * Takes messages that are due, for one attempt: other replicas pass them over until `retryAt`.
 * A gap's messages come in the order of their sequence.
 */
export async function takeParked(
  database: Database,
  limit: number,
  now: number,
  retryAt: number,
): Promise<ParkedMessage[]> {
  const rows = await database.query<{
    consumer: string;
    logical_id: string;
    source: string;
    aggregate_id: string;
    sequence: number;
    reason: ParkReason;
    stream: string;
    stream_sequence: number;
    subject: string;
    headers: Buffer;
    body: Buffer;
    deliveries: number;
    parked_at: Date;
  }>({
    name: 'parked-take',
    text: `UPDATE parked SET next_attempt_at = $3
           WHERE ctid = ANY(ARRAY(
             SELECT ctid FROM parked WHERE next_attempt_at <= $2
             ORDER BY next_attempt_at, sequence LIMIT $1 FOR UPDATE SKIP LOCKED))
           RETURNING consumer, logical_id, source, aggregate_id, sequence, reason, stream,
             stream_sequence, subject, headers, body, deliveries, parked_at`,
    values: [limit, new Date(now), new Date(retryAt)],
  });
  return rows
    .map((row) => ({
      consumer: row.consumer,
      logicalId: row.logical_id,
      source: row.source,
      aggregateId: row.aggregate_id,
      sequence: row.sequence,
      reason: row.reason,
      stream: row.stream,
      streamSequence: row.stream_sequence,
      subject: row.subject,
      headers: row.headers.toString('latin1'),
      body: row.body,
      deliveries: row.deliveries,
      parkedAt: row.parked_at.getTime(),
    }))
    .sort((a, b) => a.sequence - b.sequence);
}

/** Makes what waits behind a gap of these aggregates due now. */
export async function hastenParked(
  database: Database,
  aggregateIds: readonly string[],
): Promise<void> {
  await database.query({
    name: 'parked-hasten',
    // Not now(): the process that takes it may have a clock that is behind this one.
    text: `UPDATE parked SET next_attempt_at = '-infinity'
           WHERE aggregate_id = ANY($1) AND reason = 'gap'`,
    values: [[...aggregateIds]],
  });
}

/** Forgets messages that were handled or became dead letters. */
export async function unpark(
  database: Database,
  messages: readonly Pick<ParkedMessage, 'consumer' | 'logicalId'>[],
): Promise<void> {
  await database.query({
    name: 'parked-delete',
    text: `DELETE FROM parked WHERE (consumer, logical_id) IN
             (SELECT * FROM unnest($1::text[], $2::text[]))`,
    values: [
      textColumn(messages.map((message) => message.consumer)),
      textColumn(messages.map((message) => message.logicalId)),
    ],
  });
}

/** Messages that are parked now. */
export async function countParked(database: Database): Promise<number> {
  const [row] = await database.query<{ parked: number }>({
    name: 'parked-count',
    text: 'SELECT count(*) AS parked FROM parked',
  });
  return row?.parked ?? 0;
}
