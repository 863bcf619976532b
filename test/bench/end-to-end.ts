import { keyPrefix } from './generator/requests.ts';
import { percentileOf } from './histogram.ts';
import type { OrderRun } from './order-run.ts';
import type { Stack } from './stack.ts';

/** Where each step of an order's way is committed. */
const steps = [
  { service: 'order', type: 'orders.created' },
  { service: 'inventory', type: 'inventory.reserved' },
  { service: 'payment', type: 'payments.captured' },
  { service: 'order', type: 'orders.confirmed' },
] as const;

export interface EndToEnd {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  /** p50 from one step to the next, in milliseconds. */
  readonly steps: Readonly<Record<string, number>>;
}

/**
 * From the time at which an order was meant to be sent to the commit of its confirmation, in
 * milliseconds, for the orders of the measured part. All clocks are this machine's.
 *
 * PostgreSQL takes the time of a commit just before it writes it to disk, so the time of one
 * whole commit (`commitMs`) is added: a little too much rather than too little.
 */
export async function endToEnd(stack: Stack, run: OrderRun, commitMs: number): Promise<EndToEnd> {
  const sent = await sentAt(stack, run);
  const ids = [...sent.keys()].sort();
  const [first = '', last = ''] = [ids[0], ids.at(-1)];
  const durations = new Map<string, number[]>([['send to confirmed', []]]);
  let before: ReadonlyMap<string, number> = sent;
  let name = 'send';
  for (const { service, type } of steps) {
    const committed = await committedAt(stack, service, type, first, last);
    const list: number[] = [];
    for (const id of ids) {
      const [from, to] = [before.get(id), committed.get(id)];
      if (from === undefined || to === undefined) throw new Error(`${id} has no ${type}`);
      list.push(to - from);
      if (type === 'orders.confirmed') {
        durations.get('send to confirmed')?.push(to - (sent.get(id) ?? 0) + commitMs);
      }
    }
    durations.set(`${name} to ${type}`, list);
    before = committed;
    name = type;
  }
  const all = durations.get('send to confirmed') ?? [];
  durations.delete('send to confirmed');
  return {
    count: all.length,
    p50: percentileOf(all, 0.5),
    p99: percentileOf(all, 0.99),
    steps: Object.fromEntries(
      [...durations].map(([step, list]) => [step, percentileOf(list, 0.5)]),
    ),
  };
}

/** When each order of the measured part was meant to be sent, by its id. */
async function sentAt(stack: Stack, { run, load }: OrderRun): Promise<Map<string, number>> {
  const prefix = keyPrefix(run);
  const rows = await stack.database('order').query<{ number: number; id: string }>({
    text: `SELECT substr(key, $3)::int AS number, substr(location, length('/v1/orders/') + 1) AS id
           FROM idempotency
           WHERE scope = 'anonymous POST /v1/orders' AND key >= $1 AND key < $2`,
    values: [`${prefix}0`, `${prefix}:`, prefix.length + 1],
  });
  const found = new Map<string, number>();
  for (const { number, id } of rows) {
    const intended = load.intendedAt[number];
    if (number >= load.firstMeasured && intended !== undefined) found.set(id, intended);
  }
  return found;
}

/** Needs `track_commit_timestamp`. */
async function committedAt(
  stack: Stack,
  service: string,
  type: string,
  first: string,
  last: string,
): Promise<Map<string, number>> {
  const rows = await stack.database(service).query<{ id: string; at: number }>({
    text: `SELECT aggregate_id AS id,
             extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8 * 1000 AS at
           FROM events WHERE type = $1 AND aggregate_id >= $2 AND aggregate_id <= $3`,
    values: [type, first, last],
  });
  return new Map(rows.map(({ id, at }) => [id, at]));
}
