import { settledStatuses } from '@windlass/contracts/orders.ts';
import type { Database } from '@windlass/runtime/store/pool.ts';
import { providerSummary, providerTotals } from './provider-ledger.ts';
import type { Stack } from './stack.ts';

const pollMs = 100;
const settled = settledStatuses.map((status) => `'${status}'`).join(', ');

interface OrderRow {
  readonly id: string;
  readonly status: string;
  readonly total: number;
  readonly captured: number;
  readonly refunded: number;
  readonly [column: string]: unknown;
}

/** What a run did to the orders, once it was found to be right. */
export interface Audited {
  /** New orders by status. */
  readonly statuses: Readonly<Record<string, number>>;
  readonly orders: number;
}

/**
 * Whether money and stock are right, after every run: looks at what is new since the last time
 * and compares the sums over everything.
 */
export class Audit {
  private readonly stack: Stack;
  private lastOrder = '';
  private confirmed = { orders: 0, total: 0 };
  private readonly soldBySku = new Map<string, number>();

  constructor(stack: Stack) {
    this.stack = stack;
  }

  /** Resolves when nothing is under way any more, with the milliseconds that took. */
  async quiet(timeoutMs: number): Promise<number> {
    const started = performance.now();
    for (;;) {
      const open = await this.open();
      const took = performance.now() - started;
      if (open.length === 0) return took;
      if (took > timeoutMs) {
        throw new Error(`after ${Math.round(took / 1_000)} s there are still ${open.join(', ')}`);
      }
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  }

  /** What of these is under way, one by one: nothing can come into being behind the first look. */
  private async open(): Promise<string[]> {
    const { stack } = this;
    const open: string[] = [];
    const look = async (service: string, what: string, text: string) => {
      if (!stack.has(service)) return;
      const count = await countOf(stack.database(service), text);
      if (count > 0) open.push(`${count} ${what}`);
    };
    const unsettled = `status <> 'CONFIRMED' AND status NOT IN (${settled})`;
    if (stack.has('inventory')) {
      await look('order', 'open orders', `FROM orders WHERE ${unsettled}`);
      await look('inventory', 'holds', 'FROM reservations WHERE expires_at IS NOT NULL');
    }
    for (const service of ['order', 'inventory', 'payment']) {
      await look(service, `events of ${service} unpublished`, 'FROM outbox_pending');
      await look(service, `effects of ${service} due`, 'FROM effects');
    }
    return open;
  }

  /**
   * Every sentence in the list is an invariant that does not hold. `accepted` orders were
   * accepted since the last time, and of `unknown` more nobody knows.
   */
  async check(accepted: number, unknown: number): Promise<Audited & { broken: string[] }> {
    const rows = await this.newOrders();
    const statuses: Record<string, number> = {};
    for (const { status } of rows) statuses[status] = (statuses[status] ?? 0) + 1;
    const broken: string[] = [];
    const must = (holds: boolean, sentence: string) => {
      if (!holds) broken.push(`${this.stack.name}: ${sentence}`);
    };
    must(
      rows.length >= accepted && rows.length <= accepted + unknown,
      `${accepted} orders were accepted (${unknown} unknown) and ${rows.length} are stored`,
    );
    await this.queues(must);
    if (this.stack.has('inventory')) {
      await this.stock(rows, must);
      await this.money(rows, must);
    }
    this.lastOrder = rows.at(-1)?.id ?? this.lastOrder;
    return { statuses, orders: rows.length, broken };
  }

  private async newOrders(): Promise<OrderRow[]> {
    return await this.stack.database('order').query<OrderRow>({
      text: `SELECT id, status, total, captured, refunded FROM orders WHERE id > $1 ORDER BY id`,
      values: [this.lastOrder],
    });
  }

  private async queues(must: Must): Promise<void> {
    for (const service of ['order', 'inventory', 'payment']) {
      if (!this.stack.has(service)) continue;
      for (const table of ['outbox_pending', 'dead_letters', 'parked', 'effects']) {
        const count = await countOf(this.stack.database(service), `FROM ${table}`);
        must(count === 0, `${table} of ${service} holds ${count} rows`);
      }
    }
  }

  private async stock(rows: readonly OrderRow[], must: Must): Promise<void> {
    for (const { sku, pieces } of await this.newlySold()) {
      this.soldBySku.set(sku, (this.soldBySku.get(sku) ?? 0) + pieces);
    }
    const stock = await this.stack.database('inventory').query<{
      sku: string;
      on_hand: number;
      available: number;
      reserved: number;
      sold: number;
    }>({ text: 'SELECT sku, on_hand, available, reserved, sold FROM stock ORDER BY sku' });
    must(stock.length > 0, 'there is no stock');
    for (const { sku, on_hand: onHand, available, reserved, sold } of stock) {
      must(
        onHand === available + reserved + sold && available >= 0 && reserved === 0,
        `stock of ${sku}: ${onHand} on hand, ${available} + ${reserved} + ${sold}`,
      );
      const ordered = this.soldBySku.get(sku) ?? 0;
      must(sold === ordered, `of ${sku} ${sold} are sold and ${ordered} were ordered`);
    }
    const rejected = rows.filter(({ status }) => status === 'REJECTED').length;
    must(rejected === 0, `${rejected} orders were rejected though there was stock`);
  }

  private async newlySold(): Promise<{ sku: string; pieces: number }[]> {
    return await this.stack.database('order').transact(async (tx) => {
      // The platform's connections allow for no plan that reads whole tables.
      await tx.query({ text: 'SET LOCAL enable_hashjoin = on' });
      const result = await tx.query<{ sku: string; pieces: number }>({
        text: `SELECT line ->> 'sku' AS sku, sum((line ->> 'quantity')::int)::bigint AS pieces
               FROM orders o JOIN events e ON e.aggregate_id = o.id AND e.version = 1,
                 jsonb_array_elements(convert_from(e.body, 'UTF8')::jsonb -> 'lines') AS line
               WHERE o.id > $1 AND o.status IN ('CONFIRMED', 'REFUNDED') GROUP BY 1`,
        values: [this.lastOrder],
      });
      return { result };
    });
  }

  private async money(rows: readonly OrderRow[], must: Must): Promise<void> {
    const confirmed = rows.filter(({ status }) => status === 'CONFIRMED');
    this.confirmed.orders += confirmed.length;
    this.confirmed.total += confirmed.reduce((sum, { total }) => sum + total, 0);
    const { orders, total } = this.confirmed;
    const [{ url }] = this.stack.platform.replicas('provider');
    const ledger = await providerSummary(url);
    must(ledger.doubleCaptures.length === 0, `captured twice: ${ledger.doubleCaptures.join(' ')}`);
    const net = ledger.captured - ledger.refunded;
    must(net === total, `the provider took ${net} and confirmed orders come to ${total}`);
    const kept = ledger.captures - ledger.refunds;
    must(kept === orders, `the provider keeps ${kept} captures for ${orders} confirmed orders`);
    const captured = new Map(rows.map((row) => [row.id, row]));
    for await (const each of providerTotals(url, this.lastOrder)) {
      const row = captured.get(each.orderId);
      captured.delete(each.orderId);
      must(
        row?.captured === each.captured && row.refunded === each.refunded,
        `${each.orderId}: the provider has captured ${each.captured}, the order ${row?.captured}`,
      );
    }
    const left = [...captured.values()].filter((row) => row.captured > 0).length;
    must(left === 0, `${left} orders are captured of which the provider knows nothing`);
    const [sums] = await this.stack.database('payment').query<{ debit: number; credit: number }>({
      text: `SELECT coalesce(sum(debit), 0)::bigint AS debit,
               coalesce(sum(credit), 0)::bigint AS credit FROM ledger_entries`,
    });
    must(sums?.debit === sums?.credit, `debits ${sums?.debit}, credits ${sums?.credit}`);
    // Each capture is booked as a sale and as the provider's debt.
    must(sums?.debit === 2 * (ledger.captured + ledger.refunded), 'the ledger lacks bookings');
  }
}

type Must = (holds: boolean, sentence: string) => void;

async function countOf(database: Database, from: string): Promise<number> {
  const [row] = await database.query<{ count: number }>({ text: `SELECT count(*) ${from}` });
  return row?.count ?? 0;
}
