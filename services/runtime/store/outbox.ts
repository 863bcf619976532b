import type { RecordedEvent } from '../event.ts';
import { bigintColumn, intColumn, textColumn } from './columns.ts';
import { type EventRow, eventColumns, fromRow } from './events.ts';
import type { Database } from './pool.ts';

/** Where a scan of the pending rows goes on: after this row. */
export interface OutboxPosition {
  readonly partition: number;
  readonly aggregateId: string;
  readonly version: number;
}

export const outboxStart: OutboxPosition = { partition: -1, aggregateId: '', version: 0 };

/**
 * PostgreSQL's statistics say most of the time that a queue is empty, and for an empty table a
 * join in the wrong direction looks as cheap as any: then it would read the whole table for each
 * row. `LATERAL … OFFSET 0` leaves it no choice; so does `= ANY(ARRAY(…))`.
 */
const eventOfRow = `CROSS JOIN LATERAL (
  SELECT * FROM events e WHERE e.aggregate_id = p.aggregate_id AND e.version = p.version OFFSET 0
) e`;

export interface OutboxPage {
  readonly events: readonly RecordedEvent[];
  /** Where the next page begins; `outboxStart` after the last one. */
  readonly next: OutboxPosition;
}

/**
 * Pending events of whole partitions, by partition, aggregate and version, page by page. A full
 * page ends between two aggregates: what follows must not be read later without what precedes
 * it, which may have been put back meanwhile.
 */
export async function readPending(
  database: Database,
  partitions: readonly number[],
  after: OutboxPosition,
  limit: number,
): Promise<OutboxPage> {
  const rows = await database.query<EventRow>({
    name: 'outbox-read',
    text: `SELECT ${eventColumns} FROM (
             SELECT partition, aggregate_id, version FROM outbox_pending
             WHERE partition = ANY($1::int[]) AND (partition, aggregate_id, version) > ($2, $3, $4)
             ORDER BY partition, aggregate_id, version LIMIT $5
           ) p ${eventOfRow}
           ORDER BY p.partition, p.aggregate_id, p.version`,
    values: [intColumn(partitions), after.partition, after.aggregateId, after.version, limit],
  });
  const events = rows.map(fromRow);
  if (events.length < limit) return { events, next: outboxStart };
  const whole = wholeAggregates(events);
  const last = whole.at(-1);
  if (last === undefined) return { events, next: outboxStart };
  const { partition, aggregateId, sequence: version } = last;
  return { events: whole, next: { partition, aggregateId, version } };
}

/** Without the last aggregate, unless there is no other. */
function wholeAggregates(events: readonly RecordedEvent[]): readonly RecordedEvent[] {
  const last = events.at(-1)?.aggregateId;
  const end = events.findLastIndex((event) => event.aggregateId !== last) + 1;
  return end === 0 ? events : events.slice(0, end);
}

/** Pending events of some aggregates, each aggregate's in version order. */
export async function readPendingOf(
  database: Database,
  aggregates: readonly { readonly partition: number; readonly aggregateId: string }[],
): Promise<RecordedEvent[]> {
  const rows = await database.query<EventRow>({
    name: 'outbox-read-aggregates',
    text: `SELECT ${eventColumns}
           FROM unnest($1::int[], $2::text[]) AS a(partition, aggregate_id)
           CROSS JOIN LATERAL (
             SELECT o.aggregate_id, o.version FROM outbox_pending o
             WHERE o.partition = a.partition AND o.aggregate_id = a.aggregate_id OFFSET 0
           ) p ${eventOfRow}
           ORDER BY p.aggregate_id, p.version`,
    values: [
      intColumn(aggregates.map((each) => each.partition)),
      textColumn(aggregates.map((each) => each.aggregateId)),
    ],
  });
  return rows.map(fromRow);
}

/**
 * Marks events as published. Rows of a partition whose epoch has moved stay: its new owner
 * publishes them again, which the message ids make harmless.
 */
export async function deletePending(
  database: Database,
  events: readonly { readonly event: RecordedEvent; readonly epoch: number }[],
): Promise<void> {
  await database.query({
    name: 'outbox-delete',
    text: `DELETE FROM outbox_pending WHERE ctid = ANY(ARRAY(
             SELECT p.ctid FROM unnest($1::int[], $2::text[], $3::int[], $4::bigint[])
               AS d(partition, aggregate_id, version, epoch)
             CROSS JOIN LATERAL (
               SELECT 1 FROM outbox_partitions o
               WHERE o.partition = d.partition AND o.epoch = d.epoch OFFSET 0) o
             CROSS JOIN LATERAL (
               SELECT p.ctid FROM outbox_pending p
               WHERE p.partition = d.partition AND p.aggregate_id = d.aggregate_id
                 AND p.version = d.version OFFSET 0) p))`,
    values: [
      intColumn(events.map(({ event }) => event.partition)),
      textColumn(events.map(({ event }) => event.aggregateId)),
      intColumn(events.map(({ event }) => event.sequence)),
      bigintColumn(events.map(({ epoch }) => epoch)),
    ],
  });
}

export interface OutboxSize {
  readonly rows: number;
  /** Age of the oldest pending row in milliseconds; 0 when there is none. */
  readonly oldestAgeMs: number;
}

/** Depth and age of the whole service's outbox. */
export async function measureOutbox(database: Database): Promise<OutboxSize> {
  const [row] = await database.query<{ rows: number; age: number | null }>({
    name: 'outbox-measure',
    text: `SELECT count(*) AS rows,
             (extract(epoch FROM now() - min(recorded_at)) * 1000)::bigint AS age
           FROM outbox_pending`,
  });
  return { rows: row?.rows ?? 0, oldestAgeMs: Math.max(0, row?.age ?? 0) };
}
