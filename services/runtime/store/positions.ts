import { intColumn, textColumn } from './columns.ts';
import type { Statement, Transaction } from './transaction.ts';

/** Which events of an aggregate a consumer has applied: all up to this sequence. */
export interface Position {
  readonly source: string;
  readonly aggregateId: string;
  readonly sequence: number;
}

export const positionKey = (of: Pick<Position, 'source' | 'aggregateId'>): string =>
  `${of.source}.${of.aggregateId}`;

/**
 * Locks the positions of these aggregates, at 0 where nothing was applied, so that two replicas
 * with events of the same aggregate come one after the other. Sorted by the caller's key order.
 */
export async function lockPositions(
  tx: Transaction,
  consumer: string,
  aggregates: readonly Pick<Position, 'source' | 'aggregateId'>[],
): Promise<Map<string, number>> {
  const sorted = [...aggregates].sort((a, b) => (positionKey(a) < positionKey(b) ? -1 : 1));
  const rows = await tx.query<{ source: string; aggregate_id: string; sequence: number }>({
    name: 'positions-lock',
    text: `INSERT INTO positions AS p (consumer, source, aggregate_id, sequence)
           SELECT $1, source, aggregate_id, 0
           FROM unnest($2::text[], $3::text[]) AS a(source, aggregate_id)
           ON CONFLICT (consumer, source, aggregate_id) DO UPDATE SET sequence = p.sequence
           RETURNING source, aggregate_id, sequence`,
    values: [
      consumer,
      textColumn(sorted.map((each) => each.source)),
      textColumn(sorted.map((each) => each.aggregateId)),
    ],
  });
  return new Map(
    rows.map((row) => [
      positionKey({ source: row.source, aggregateId: row.aggregate_id }),
      row.sequence,
    ]),
  );
}

/** Moves positions on. Each aggregate once. */
export function savePositions(consumer: string, positions: readonly Position[]): Statement {
  return {
    name: 'positions-save',
    text: `UPDATE positions p SET sequence = n.sequence
           FROM unnest($2::text[], $3::text[], $4::int[]) AS n(source, aggregate_id, sequence)
           WHERE p.consumer = $1 AND p.source = n.source AND p.aggregate_id = n.aggregate_id`,
    values: [
      consumer,
      textColumn(positions.map((each) => each.source)),
      textColumn(positions.map((each) => each.aggregateId)),
      intColumn(positions.map((each) => each.sequence)),
    ],
  };
}
