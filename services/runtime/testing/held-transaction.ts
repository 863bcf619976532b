import type { Transaction } from '../store/transaction.ts';
import type { Store } from './rig.ts';
import { until } from './until.ts';

type End = 'commit' | 'fail';

/**
 * A transaction of another replica that has done its work, and with it holds locks. Told how to
 * end, it resolves when it has.
 */
export async function holding(
  store: Store,
  work: (tx: Transaction) => Promise<unknown>,
): Promise<(how: End) => Promise<'committed' | 'failed'>> {
  let end: (how: End) => void = () => undefined;
  const told = new Promise<End>((resolve) => (end = resolve));
  let held = false;
  const done = store.replica(1).transact(async (tx) => {
    await work(tx);
    held = true;
    if ((await told) === 'fail') throw new Error('failed');
    return { result: undefined };
  });
  const settled = done.then(
    () => 'committed' as const,
    () => 'failed' as const,
  );
  await until(() => held);
  return async (how) => {
    end(how);
    return await settled;
  };
}

/** The processes of the database's sessions that wait for a lock. */
export async function blockedSessions({ database }: Store): Promise<number[]> {
  const text = `SELECT pid FROM pg_stat_activity
                WHERE datname = current_database() AND wait_event_type = 'Lock'`;
  return (await database.query<{ pid: number }>({ text })).map(({ pid }) => pid);
}
