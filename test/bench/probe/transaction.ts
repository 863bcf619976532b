import type { Order } from '@windlass/order/order.ts';
import type { Acceptance } from '@windlass/runtime/store/acceptor.ts';
import type pg from 'pg';

/**
 * Stores an order in a transaction of its own: its key, its row and its event, in the tables of
 * the order writer, without the pending row that the writer stores as well. Each statement is
 * sent when the one before is answered, by the database client as it comes.
 */
export async function storeAlone(
  pool: pg.Pool,
  acceptance: Acceptance<Order>,
  named: boolean,
): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    for (const statement of insertStatements(acceptance, named)) await client.query(statement);
    await client.query('COMMIT');
  } finally {
    client.release();
  }
}

function insertStatements(acceptance: Acceptance<Order>, named: boolean): pg.QueryConfig[] {
  const { use, reply } = acceptance;
  const key = [use.scope, use.key, use.fingerprint, reply.status, reply.body, reply.location];
  return [
    statement('idempotency', 'scope, key, fingerprint, status, body, location', key, named),
    statement('orders', orderColumns, orderValues(acceptance), named),
    statement('events', eventColumns, eventValues(acceptance), named),
  ];
}

const orderColumns = `id, version, status, decision, reservation, payment, captured, refunded,
  refund_pending, refund_failed, unresolved, deadline_at, deadline_kind, customer_id, currency,
  total, lane, accepted_at, correlation_id, traceparent`;

function orderValues({ entity: order, cause }: Acceptance<Order>): unknown[] {
  const { facts, deadline } = order;
  return [
    order.id,
    order.version,
    order.status,
    facts.decision,
    facts.reservation,
    facts.payment,
    facts.captured,
    facts.refunded,
    facts.refundPending,
    facts.refundFailed,
    facts.unresolved,
    deadline === undefined ? null : new Date(deadline.at),
    deadline?.kind ?? null,
    order.customerId,
    order.currency,
    order.total,
    order.lane,
    new Date(order.acceptedAt),
    cause.correlationId,
    cause.traceparent,
  ];
}

const eventColumns = `aggregate_id, version, type, schema_version, lane, recorded_at,
  correlation_id, causation_id, traceparent, body`;

function eventValues({ event }: Acceptance<Order>): unknown[] {
  return [
    event.aggregateId,
    event.sequence,
    event.type,
    event.version,
    event.lane,
    new Date(event.time),
    event.correlationId,
    event.causationId ?? null,
    event.traceparent,
    event.body,
  ];
}

function statement(
  table: string,
  columns: string,
  values: unknown[],
  named: boolean,
): pg.QueryConfig {
  const isKey = table === 'idempotency';
  const places = values.map((_, index) => `$${index + 1}`).join(', ');
  return {
    ...(named ? { name: `insert-${table}` } : {}),
    text:
      `INSERT INTO ${table} (${columns}${isKey ? ', created_at' : ''}) ` +
      `VALUES (${places}${isKey ? ', now()' : ''})`,
    values,
  };
}
