import type * as orders from '@windlass/contracts/orders.ts';
import { type OrderStatus, settledStatuses } from '@windlass/contracts/orders.ts';
import type { EventData } from '@windlass/runtime/decision.ts';
import { textColumn } from '@windlass/runtime/store/columns.ts';
import type { Statement } from '@windlass/runtime/store/transaction.ts';
import type { Line, Order } from './order.ts';

/** What a list of orders shows of each. */
export interface OrderSummary {
  readonly orderId: string;
  readonly status: OrderStatus;
  readonly total: number;
  readonly currency: string;
  readonly acceptedAt: string;
}

export interface OrderView extends OrderSummary {
  readonly lines: readonly Line[];
  readonly history: readonly { readonly status: OrderStatus; readonly at: string }[];
}

export function summaryOf(order: Order): OrderSummary {
  const { id: orderId, status, total, currency, acceptedAt } = order;
  return { orderId, status, total, currency, acceptedAt: new Date(acceptedAt).toISOString() };
}

export interface SummaryRow {
  readonly id: string;
  readonly status: OrderStatus;
  readonly total: number;
  readonly currency: string;
  readonly accepted_at: Date;
}

export interface ViewRow extends SummaryRow {
  /** Absent together with `body` once the order's events are older than they are kept. */
  readonly recorded_at: Date | null;
  readonly body: Buffer | null;
}

/** The order with its events, oldest first; no row when it is unknown. */
export function selectView(orderId: string): Statement {
  return {
    name: 'order-view',
    text: `SELECT o.id, o.status, o.total, o.currency, o.accepted_at, e.recorded_at, e.body
           FROM orders AS o LEFT JOIN events AS e ON e.aggregate_id = o.id
           WHERE o.id = $1 ORDER BY e.version`,
    values: [orderId],
  };
}

type Created = EventData<typeof orders.created>;
type Later = EventData<typeof orders.progressed>;

/** Lines come from the first event, the history from the status that each later one carries. */
export function viewOf(rows: readonly ViewRow[]): OrderView | undefined {
  const [first] = rows;
  if (first === undefined) return undefined;
  let lines: readonly Line[] = [];
  const history: { status: OrderStatus; at: string }[] = [];
  for (const { body, recorded_at } of rows) {
    if (body === null || recorded_at === null) continue;
    // Written by this service and checked by the compiler then.
    const data: Created | Later = JSON.parse(body.toString());
    if ('lines' in data) lines = data.lines;
    const status = 'status' in data ? data.status : 'CREATED';
    if (history.at(-1)?.status === status) continue;
    history.push({ status, at: recorded_at.toISOString() });
  }
  return { ...fromRow(first), lines, history };
}

/** A view that was read, brought up to what a command has made of the order. */
export function viewAfter(before: OrderView, order: Order, now: number): OrderView {
  const isNew = before.history.at(-1)?.status !== order.status;
  const step = { status: order.status, at: new Date(now).toISOString() };
  const history = isNew ? [...before.history, step] : before.history;
  return { ...summaryOf(order), lines: before.lines, history };
}

export function fromRow(row: SummaryRow): OrderSummary {
  return {
    orderId: row.id,
    status: row.status,
    total: row.total,
    currency: row.currency,
    acceptedAt: row.accepted_at.toISOString(),
  };
}

export interface Page {
  readonly statuses: readonly OrderStatus[];
  /** Id of the last order of the page before. */
  readonly after: string | undefined;
  readonly limit: number;
}

/**
 * One order more than the page holds, newest first. The statuses stand in the text, not in a
 * parameter: only so can the planner see that the partial index holds them all.
 */
export function selectPage({ statuses, after, limit }: Page): Statement {
  const conditions = [
    ...(statuses.length === 0
      ? []
      : [`status IN (${statuses.map((status) => `'${status}'`).join(', ')})`]),
    ...(after === undefined ? [] : ['id < $2']),
  ];
  return {
    text: `SELECT id, status, total, currency, accepted_at FROM orders
           ${conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`}
           ORDER BY id DESC LIMIT $1::int`,
    values: [limit + 1, ...(after === undefined ? [] : [after])],
  };
}

/** Which of these orders wait for nothing any more: one query for all that wait for an end. */
export function selectSettled(orderIds: readonly string[]): Statement {
  return {
    name: 'orders-settled',
    text: `SELECT id FROM orders WHERE id = ANY($1::text[]) AND status = ANY($2::text[])`,
    values: [textColumn(orderIds), textColumn(settledStatuses)],
  };
}
