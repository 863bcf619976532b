import { textColumn } from './columns.ts';
import type { Transaction } from './transaction.ts';

/**
 * Notes that `consumer` handles these events, and gives back those that it had not handled
 * before. A concurrent transaction with the same event makes this one wait for its end. Ids must
 * be sorted and without repetition: the order is the lock order.
 */
export async function receive(
  tx: Transaction,
  consumer: string,
  logicalIds: readonly string[],
): Promise<ReadonlySet<string>> {
  const rows = await tx.query<{ logical_id: string }>({
    name: 'inbox-receive',
    text: `INSERT INTO inbox (consumer, logical_id, received_at)
           SELECT $1, logical_id, now() FROM unnest($2::text[]) AS i(logical_id)
           ON CONFLICT DO NOTHING RETURNING logical_id`,
    values: [consumer, textColumn(logicalIds)],
  });
  return new Set(rows.map((row) => row.logical_id));
}

/** Takes back what `receive` noted in this transaction for events that were not handled. */
export async function unreceive(
  tx: Transaction,
  consumer: string,
  logicalIds: readonly string[],
): Promise<void> {
  await tx.query({
    name: 'inbox-unreceive',
    text: 'DELETE FROM inbox WHERE consumer = $1 AND logical_id = ANY($2::text[])',
    values: [consumer, textColumn(logicalIds)],
  });
}
