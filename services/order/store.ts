import { type Facts, type OrderStatus, settledStatuses } from '@windlass/contracts/orders.ts';
import type { Lane } from '@windlass/contracts/service.ts';
import type { Model } from '@windlass/runtime/decision.ts';
import type { AcceptColumn } from '@windlass/runtime/store/acceptor.ts';
import {
  bigintColumn,
  boolColumn,
  intColumn,
  textColumn,
  timeColumn,
} from '@windlass/runtime/store/columns.ts';
import type { Statement } from '@windlass/runtime/store/transaction.ts';
import type { DeadlineKind, Order } from './order.ts';

/**
 * Ids compare as bytes (`COLLATE "C"`), which is cheap and is their order in time. Most orders
 * end CONFIRMED, so the index of the others stays small and a page of any status is cheap.
 */
export const migrations: readonly { readonly id: string; readonly sql: string }[] = [
  {
    id: 'order-0001-orders',
    sql: `
      CREATE TABLE orders (
        id text COLLATE "C" PRIMARY KEY,
        customer_id text NOT NULL,
        currency text NOT NULL CHECK (length(currency) = 3),
        total bigint NOT NULL CHECK (total >= 0),
        lane text NOT NULL CHECK (lane IN ('hot', 'standard', 'bulk')),
        version int NOT NULL CHECK (version > 0),
        status text NOT NULL,
        decision text NOT NULL CHECK (decision IN ('proceed', 'cancel')),
        reservation text NOT NULL,
        payment text NOT NULL,
        captured bigint NOT NULL CHECK (captured >= 0),
        refunded bigint NOT NULL CHECK (refunded >= 0),
        refund_pending bigint NOT NULL CHECK (refund_pending >= 0),
        refund_failed bigint NOT NULL CHECK (refund_failed >= 0),
        unresolved boolean NOT NULL,
        deadline_at timestamptz,
        deadline_kind text CHECK (deadline_kind IN ('reserve', 'pay', 'reconcile')),
        accepted_at timestamptz NOT NULL,
        correlation_id text NOT NULL,
        traceparent text NOT NULL,
        CHECK (refunded + refund_pending <= captured),
        CHECK ((deadline_at IS NULL) = (deadline_kind IS NULL))
      ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
      CREATE INDEX orders_deadline_at ON orders (deadline_at) WHERE deadline_at IS NOT NULL;
      CREATE INDEX orders_status ON orders (status, id) WHERE status <> 'CONFIRMED';
    `,
  },
];

/** Orders by id. */
export type World = Map<string, Order>;

interface OrderRow {
  readonly id: string;
  readonly customer_id: string;
  readonly currency: string;
  readonly total: number;
  readonly lane: Lane;
  readonly version: number;
  readonly status: OrderStatus;
  readonly decision: Facts['decision'];
  readonly reservation: Facts['reservation'];
  readonly payment: Facts['payment'];
  readonly captured: number;
  readonly refunded: number;
  readonly refund_pending: number;
  readonly refund_failed: number;
  readonly unresolved: boolean;
  readonly deadline_at: Date | null;
  readonly deadline_kind: DeadlineKind | null;
  readonly accepted_at: Date;
}

export const model: Model<World, Order> = {
  async load(tx, need) {
    const rows = await tx.query<OrderRow>({
      name: 'orders-load',
      text: `SELECT id, customer_id, currency, total, lane, version, status, decision,
               reservation, payment, captured, refunded, refund_pending, refund_failed,
               unresolved, deadline_at, deadline_kind, accepted_at
             FROM orders WHERE id = ANY($1::text[]) ORDER BY id FOR UPDATE`,
      values: [textColumn(need.aggregateIds)],
    });
    return new Map(rows.map((row) => [row.id, fromRow(row)]));
  },
  evolve(world, order) {
    world.set(order.id, order);
  },
  save(changes) {
    const last = [...new Map(changes.map((order) => [order.id, order])).values()];
    return last.length === 0 ? [] : [update(last)];
  },
  settled(before, { id, status, acceptedAt }) {
    const isSettled = (each: OrderStatus | undefined) =>
      settledStatuses.some((settled) => settled === each);
    if (!isSettled(status) || isSettled(before.get(id)?.status)) return undefined;
    return { id, status, acceptedAt };
  },
};

function fromRow(row: OrderRow): Order {
  const { deadline_at: at, deadline_kind: kind } = row;
  return {
    id: row.id,
    customerId: row.customer_id,
    currency: row.currency,
    total: row.total,
    lane: row.lane,
    version: row.version,
    status: row.status,
    facts: {
      decision: row.decision,
      reservation: row.reservation,
      payment: row.payment,
      captured: row.captured,
      refunded: row.refunded,
      refundPending: row.refund_pending,
      refundFailed: row.refund_failed,
      unresolved: row.unresolved,
    },
    deadline: at === null || kind === null ? undefined : { at: at.getTime(), kind },
    acceptedAt: row.accepted_at.getTime(),
  };
}

interface Column {
  readonly name: string;
  readonly type: 'text' | 'int' | 'bigint' | 'bool' | 'timestamptz';
  readonly encode: (orders: readonly Order[]) => Buffer;
}

const text = (name: string, of: (order: Order) => string | null): Column => ({
  name,
  type: 'text',
  encode: (orders) => textColumn(orders.map(of)),
});
const amount = (name: string, of: (order: Order) => number): Column => ({
  name,
  type: 'bigint',
  encode: (orders) => bigintColumn(orders.map(of)),
});
const time = (name: string, of: (order: Order) => number | null): Column => ({
  name,
  type: 'timestamptz',
  encode: (orders) => timeColumn(orders.map(of)),
});

/** What an order's events change. */
const changingColumns: readonly Column[] = [
  { name: 'version', type: 'int', encode: (orders) => intColumn(orders.map((o) => o.version)) },
  text('status', (order) => order.status),
  text('decision', (order) => order.facts.decision),
  text('reservation', (order) => order.facts.reservation),
  text('payment', (order) => order.facts.payment),
  amount('captured', (order) => order.facts.captured),
  amount('refunded', (order) => order.facts.refunded),
  amount('refund_pending', (order) => order.facts.refundPending),
  amount('refund_failed', (order) => order.facts.refundFailed),
  {
    name: 'unresolved',
    type: 'bool',
    encode: (orders) => boolColumn(orders.map((order) => order.facts.unresolved)),
  },
  time('deadline_at', (order) => order.deadline?.at ?? null),
  text('deadline_kind', (order) => order.deadline?.kind ?? null),
];

const updateColumns = [text('id', (order) => order.id), ...changingColumns];

const updateText = `
  UPDATE orders AS o
  SET ${changingColumns.map(({ name }) => `${name} = c.${name}`).join(', ')}
  FROM unnest(${updateColumns.map(({ type }, index) => `$${index + 1}::${type}[]`).join(', ')})
    AS c(${updateColumns.map(({ name }) => name).join(', ')})
  WHERE o.id = c.id`;

function update(orders: readonly Order[]): Statement {
  return {
    name: 'orders-update',
    text: updateText,
    values: updateColumns.map((column) => column.encode(orders)),
  };
}

const ofOrder = ({ name, type, encode }: Column): AcceptColumn<Order> => ({
  name,
  type,
  encode: (accepted) => encode(accepted.map(({ entity }) => entity)),
});

/** The columns of a new row, for the statement that accepts many orders at once. */
export const acceptColumns: readonly AcceptColumn<Order>[] = [
  ...updateColumns.map(ofOrder),
  ...[
    text('customer_id', (order) => order.customerId),
    text('currency', (order) => order.currency),
    amount('total', (order) => order.total),
    text('lane', (order) => order.lane),
    time('accepted_at', (order) => order.acceptedAt),
  ].map(ofOrder),
  {
    name: 'correlation_id',
    type: 'text',
    encode: (accepted) => textColumn(accepted.map(({ cause }) => cause.correlationId)),
  },
  {
    name: 'traceparent',
    type: 'text',
    encode: (accepted) => textColumn(accepted.map(({ cause }) => cause.traceparent)),
  },
];
