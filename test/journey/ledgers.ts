import type { OrderStatus } from '@windlass/contracts/orders.ts';
import { type Stack, workerNames } from './stack.ts';

export interface OrderRow {
  readonly id: string;
  readonly status: OrderStatus;
  readonly total: number;
  readonly captured: number;
  readonly refunded: number;
  readonly lines: readonly { readonly sku: string; readonly quantity: number }[];
}
export interface PaymentRow {
  readonly order_id: string;
  readonly status: string;
  readonly amount: number;
  readonly captured: number;
  readonly refunded: number;
}
export interface StockRow {
  readonly sku: string;
  readonly on_hand: number;
  readonly available: number;
  readonly reserved: number;
  readonly sold: number;
}
export interface ReservationRow {
  readonly order_id: string;
  readonly status: string;
  readonly skus: readonly string[];
  readonly quantities: readonly number[];
}
export interface BookingRow {
  readonly currency: string;
  readonly debit: number;
  readonly credit: number;
}
/** What the provider itself has written down. */
export interface ProviderEntry {
  readonly kind: 'charge' | 'refund';
  readonly orderId: string;
  readonly amount: number;
  readonly status: 'captured' | 'declined' | 'refunded' | 'refused';
}

/** Everything that the four ledgers say, read when nothing moves. */
export interface Ledgers {
  readonly orders: readonly OrderRow[];
  readonly payments: readonly PaymentRow[];
  readonly stock: readonly StockRow[];
  readonly reservations: readonly ReservationRow[];
  readonly bookings: readonly BookingRow[];
  readonly provider: readonly ProviderEntry[];
  /** By service: rows that should have gone. */
  readonly pending: Readonly<Record<string, number>>;
  readonly parked: Readonly<Record<string, number>>;
  readonly deadLetters: Readonly<Record<string, number>>;
}

export async function readLedgers(stack: Stack): Promise<Ledgers> {
  const [orders, lines] = await Promise.all([
    stack.rows<Omit<OrderRow, 'lines'> & { [column: string]: unknown }>(
      'order',
      'SELECT id, status, total, captured, refunded FROM orders ORDER BY id',
    ),
    stack.rows<{ id: string; body: Buffer }>(
      'order',
      `SELECT aggregate_id AS id, body FROM events WHERE version = 1`,
    ),
  ]);
  const linesOf = new Map(
    lines.map(({ id, body }) => [id, JSON.parse(body.toString()).lines as OrderRow['lines']]),
  );
  const { entries } = await stack.shops[0].ledger();
  return {
    orders: orders.map((row) => ({ ...row, lines: linesOf.get(row.id) ?? [] })),
    payments: await stack.rows<PaymentRow & { [column: string]: unknown }>(
      'payment',
      'SELECT order_id, status, amount, captured, refunded FROM payments',
    ),
    stock: await stack.rows<StockRow & { [column: string]: unknown }>(
      'inventory',
      'SELECT sku, on_hand, available, reserved, sold FROM stock',
    ),
    reservations: await stack.rows<ReservationRow & { [column: string]: unknown }>(
      'inventory',
      'SELECT order_id, status, skus, quantities FROM reservations',
    ),
    bookings: await stack.rows<BookingRow & { [column: string]: unknown }>(
      'payment',
      'SELECT currency, debit, credit FROM ledger_entries',
    ),
    provider: entries as ProviderEntry[],
    pending: await countEach(stack, 'outbox_pending'),
    parked: await countEach(stack, 'parked'),
    deadLetters: await countEach(stack, 'dead_letters'),
  };
}

async function countEach(stack: Stack, table: string): Promise<Record<string, number>> {
  const counts = await Promise.all(
    workerNames.map(async (name) => {
      const [row] = await stack.rows<{ count: number }>(name, `SELECT count(*) FROM ${table}`);
      return [name, Number(row?.count)] as const;
    }),
  );
  return Object.fromEntries(counts);
}
