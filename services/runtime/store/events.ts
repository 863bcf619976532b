import type { Lane } from '@windlass/contracts/service.ts';
import type { Decided } from '../decision.ts';
import { type Cause, partitionOf, type RecordedEvent } from '../event.ts';
import { bytesColumn, intColumn, textColumn, timeColumn } from './columns.ts';
import type { Statement } from './transaction.ts';

/** Gives a decision's events their place in the aggregate and the bytes that are published. */
export function record(
  decided: Pick<Decided<unknown>, 'aggregateId' | 'lane' | 'version' | 'events'>,
  cause: Cause,
  now: number,
): RecordedEvent[] {
  const first = decided.version - decided.events.length + 1;
  return decided.events.map((made, index) => {
    const { type, version, key } = made.definition;
    const data: Readonly<Record<string, unknown>> = made.data;
    if (data[key] !== decided.aggregateId) {
      throw new Error(`${type} names another aggregate than the decision it belongs to`);
    }
    const sequence = first + index;
    return {
      id: eventId(type, decided.aggregateId, sequence),
      type,
      version,
      aggregateId: decided.aggregateId,
      sequence,
      lane: made.lane ?? decided.lane,
      partition: partitionOf(decided.aggregateId),
      time: now,
      correlationId: cause.correlationId,
      causationId: cause.causationId,
      traceparent: cause.traceparent,
      body: Buffer.from(JSON.stringify(data)),
    };
  });
}

/** `orders.<aggregate>.<sequence>`: unique without a random part, and the same for every copy. */
export function eventId(type: string, aggregateId: string, sequence: number): string {
  return `${type.slice(0, type.indexOf('.'))}.${aggregateId}.${sequence}`;
}

const columnsOf = (events: readonly RecordedEvent[]): unknown[] => [
  textColumn(events.map((event) => event.aggregateId)),
  intColumn(events.map((event) => event.sequence)),
  textColumn(events.map((event) => event.type)),
  intColumn(events.map((event) => event.version)),
  textColumn(events.map((event) => event.lane)),
  timeColumn(events.map((event) => event.time)),
  textColumn(events.map((event) => event.correlationId)),
  textColumn(events.map((event) => event.causationId ?? null)),
  textColumn(events.map((event) => event.traceparent)),
  bytesColumn(events.map((event) => event.body)),
  intColumn(events.map((event) => event.partition)),
];

/** SQL of the events' rows as `unnest` of eleven parameters, from `$first` on. */
function eventRows(first: number): string {
  const types = [
    'text',
    'int',
    'text',
    'int',
    'text',
    'timestamptz',
    'text',
    'text',
    'text',
    'bytea',
    'int',
  ];
  const parameters = types.map((type, index) => `$${first + index}::${type}[]`).join(', ');
  return `unnest(${parameters}) AS e(aggregate_id, version, type, schema_version, lane,
    recorded_at, correlation_id, causation_id, traceparent, body, partition)`;
}

/**
 * The two inserts that append events, as common table expressions for a larger statement whose
 * parameters from `$first` on are `parameters(events)`. `where` filters the rows `e`.
 */
export const eventAppend = {
  sql: (first: number, where = 'true'): string => `
    appended AS (
      INSERT INTO events (aggregate_id, version, type, schema_version, lane, recorded_at,
        correlation_id, causation_id, traceparent, body)
      SELECT aggregate_id, version, type, schema_version, lane, recorded_at,
        correlation_id, causation_id, traceparent, body
      FROM ${eventRows(first)} WHERE ${where}
    ), pending AS (
      INSERT INTO outbox_pending (partition, aggregate_id, version, recorded_at)
      SELECT partition, aggregate_id, version, recorded_at
      FROM ${eventRows(first)} WHERE ${where}
    )`,
  parameters: columnsOf,
};

const appendText = `WITH ${eventAppend.sql(1)} SELECT 1 WHERE false`;

/** Appends events and marks them as pending, in one statement. */
export function appendEvents(events: readonly RecordedEvent[]): Statement {
  return { name: 'append-events', text: appendText, values: columnsOf(events) };
}

/** A row of `events`, as the relay and the republisher read it. */
export interface EventRow {
  readonly aggregate_id: string;
  readonly version: number;
  readonly type: string;
  readonly schema_version: number;
  readonly lane: Lane;
  readonly recorded_at: Date;
  readonly correlation_id: string;
  readonly causation_id: string | null;
  readonly traceparent: string;
  readonly body: Buffer;
}

export const eventColumns = `e.aggregate_id, e.version, e.type, e.schema_version, e.lane,
  e.recorded_at, e.correlation_id, e.causation_id, e.traceparent, e.body`;

export function fromRow(row: EventRow): RecordedEvent {
  return {
    id: eventId(row.type, row.aggregate_id, row.version),
    type: row.type,
    version: row.schema_version,
    aggregateId: row.aggregate_id,
    sequence: row.version,
    lane: row.lane,
    partition: partitionOf(row.aggregate_id),
    time: row.recorded_at.getTime(),
    correlationId: row.correlation_id,
    causationId: row.causation_id ?? undefined,
    traceparent: row.traceparent,
    body: row.body,
  };
}
