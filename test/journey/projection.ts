import type { Lane } from '@windlass/contracts/service.ts';
import { begin, evolve, type LaterEvent, type Order } from '@windlass/order/order.ts';
import { model } from '@windlass/order/store.ts';
import type { Stack } from './stack.ts';

interface EventRow {
  readonly [column: string]: unknown;
  readonly aggregate_id: string;
  readonly version: number;
  readonly lane: Lane;
  readonly recorded_at: Date;
  readonly body: Buffer;
}

/** Orders whose events, folded, do not give the row that stands in the table. */
export async function foldedOrders(stack: Stack): Promise<string[]> {
  const timing = stack.orderTiming;
  const rows = await stack.rows<EventRow>(
    'order',
    `SELECT aggregate_id, version, lane, recorded_at, body FROM events
     ORDER BY aggregate_id, version`,
  );
  const folded = new Map<string, Order>();
  for (const { aggregate_id: id, lane, recorded_at, body } of rows) {
    const data = JSON.parse(body.toString());
    const before = folded.get(id);
    const at = recorded_at.getTime();
    const after =
      before === undefined
        ? begin(data, lane, at, timing)
        : evolve(before, { data } as LaterEvent, at, timing);
    folded.set(id, after);
  }
  const ids = (await stack.rows<{ id: string }>('order', 'SELECT id FROM orders')).map(
    ({ id }) => id,
  );
  const stored = await stack.database('order').transact(async (tx) => ({
    result: await model.load(tx, { aggregateIds: ids, resources: [] }),
  }));
  return [...new Set([...folded.keys(), ...ids])].flatMap((id) => {
    const [events, row] = [fieldsOf(folded.get(id)), fieldsOf(stored.get(id))];
    return [...new Set([...Object.keys(events), ...Object.keys(row)])]
      .filter((field) => events[field] !== row[field])
      .map((field) => `${field} of order ${id}: ${events[field]} by events, ${row[field]} by row`);
  });
}

function fieldsOf(order: Order | undefined): Readonly<Record<string, unknown>> {
  if (order === undefined) return {};
  const { facts, deadline, ...rest } = order;
  return { ...rest, ...facts, due: deadline?.kind, dueAt: deadline?.at };
}
