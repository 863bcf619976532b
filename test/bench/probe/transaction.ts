import type { Order } from '@windlass/order/order.ts';
import type { Acceptance } from '@windlass/runtime/store/acceptor.ts';
import type { Statement } from '@windlass/runtime/store/transaction.ts';

/**
 * What a transaction of its own stores of an order: its key, its row and its event, in the same
 * tables as the order writer. Without the pending row that the writer stores as well.
 */
export function insertStatements(acceptance: Acceptance<Order>, named: boolean): Statement[] {
  const { use, reply } = acceptance;
  const key = [use.scope, use.key, use.fingerprint, reply.status, reply.body, reply.location];
  return [
    statement('idempotency', `scope, key, fingerprint, status, body, location`, key, named),
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
  values: readonly unknown[],
  named: boolean,
): Statement {
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
