import { partitionCount } from '../event.ts';
import type { Database } from './pool.ts';
import type { Transaction } from './transaction.ts';

/**
 * Shares the outbox partitions out among the replicas of a service by leases in PostgreSQL.
 * No session advisory locks: they break behind a transaction-pooling proxy.
 */

/** A partition that is not renewed for this long is free, in milliseconds. */
export const partitionLeaseMs = 6_000;

/** Epochs by owned partition. Deletes of pending rows carry the epoch. */
export type Ownership = ReadonlyMap<number, number>;

/**
 * Renews this replica's partitions, gives back what is more than its share and takes free ones
 * up to it: ⌈16 / live replicas⌉. The clock is the database's.
 */
export async function renewPartitions(database: Database, replica: string): Promise<Ownership> {
  return await database.transact(async (tx) => {
    const share = await fairShare(tx, replica);
    const renewed = await tx.query<{ partition: number; epoch: number }>({
      name: 'partitions-renew',
      text: `UPDATE outbox_partitions SET expires_at = now() + $2 * interval '1 ms'
             WHERE owner = $1 RETURNING partition, epoch`,
      values: [replica, partitionLeaseMs],
    });
    const owned = new Map(renewed.map((row) => [row.partition, row.epoch]));
    const surplus = [...owned.keys()].sort((a, b) => a - b).slice(share);
    if (surplus.length > 0) {
      for (const partition of surplus) owned.delete(partition);
      await tx.query({
        name: 'partitions-give',
        text: `UPDATE outbox_partitions SET owner = NULL, expires_at = '-infinity'
               WHERE owner = $1 AND partition = ANY($2::int[])`,
        values: [replica, surplus],
      });
    }
    if (owned.size < share) {
      const taken = await tx.query<{ partition: number; epoch: number }>({
        name: 'partitions-take',
        text: `UPDATE outbox_partitions
               SET owner = $1, epoch = epoch + 1, expires_at = now() + $3 * interval '1 ms'
               WHERE partition = ANY(ARRAY(SELECT partition FROM outbox_partitions
                 WHERE expires_at < now() ORDER BY partition LIMIT $2 FOR UPDATE SKIP LOCKED))
               RETURNING partition, epoch`,
        values: [replica, share - owned.size, partitionLeaseMs],
      });
      for (const row of taken) owned.set(row.partition, row.epoch);
    }
    return { result: owned };
  });
}

async function fairShare(tx: Transaction, replica: string): Promise<number> {
  await tx.query({
    name: 'replicas-beat',
    text: `INSERT INTO replicas (id, expires_at) VALUES ($1, now() + $2 * interval '1 ms')
           ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at`,
    values: [replica, partitionLeaseMs],
  });
  const [row] = await tx.query<{ live: number }>({
    name: 'replicas-count',
    text: 'SELECT count(*) AS live FROM replicas WHERE expires_at >= now()',
  });
  return Math.ceil(partitionCount / Math.max(1, row?.live ?? 1));
}

/** Gives everything back at once, so that the others need not wait for the leases to end. */
export async function leavePartitions(database: Database, replica: string): Promise<void> {
  await database.transact(async (tx) => {
    await tx.query({
      text: `UPDATE outbox_partitions SET owner = NULL, expires_at = '-infinity' WHERE owner = $1`,
      values: [replica],
    });
    await tx.query({
      text: `DELETE FROM replicas WHERE id = $1 OR expires_at < now() - interval '1 hour'`,
      values: [replica],
    });
    return { result: undefined };
  });
}
