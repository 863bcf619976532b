import { type Faults, isHit } from './faults.ts';
import type { ChargeEntry, Entry, RefundEntry } from './ledger.ts';

export interface ChargeRequest {
  readonly key: string;
  readonly orderId: string;
  readonly amount: number;
  readonly currency: string;
}
export interface RefundRequest {
  readonly key: string;
  readonly chargeKey: string;
  readonly amount: number;
}

export interface Totals {
  readonly orderId: string;
  readonly currency: string;
  /** Charges that were captured: more than one is what must never happen. */
  captures: number;
  refunds: number;
  captured: number;
  refunded: number;
}

/** What the provider knows, all of it a fold of its ledger. */
export class Provider {
  private readonly charges = new Map<string, ChargeEntry>();
  private readonly refunds = new Map<string, RefundEntry>();
  private readonly refundedOf = new Map<string, number>();
  private readonly totals = new Map<string, Totals>();
  /** Order ids in order; sorted again when one came out of order. */
  private orderIds: string[] = [];
  private isSorted = true;

  apply(entry: Entry): void {
    if (entry.kind === 'charge') {
      this.charges.set(entry.key, entry);
      if (entry.status !== 'captured') return;
      const totals = this.totalsOf(entry.orderId, entry.currency);
      totals.captures += 1;
      totals.captured += entry.amount;
      return;
    }
    this.refunds.set(entry.key, entry);
    if (entry.status !== 'refunded') return;
    const before = this.refundedOf.get(entry.chargeKey) ?? 0;
    this.refundedOf.set(entry.chargeKey, before + entry.amount);
    const totals = this.totalsOf(entry.orderId, '');
    totals.refunds += 1;
    totals.refunded += entry.amount;
  }

  charge(key: string): ChargeEntry | undefined {
    return this.charges.get(key);
  }

  refund(key: string): RefundEntry | undefined {
    return this.refunds.get(key);
  }

  decideCharge(request: ChargeRequest, faults: Faults): ChargeEntry {
    const { key, orderId, amount, currency } = request;
    const charge = { kind: 'charge', id: `ch_${key}`, key, orderId, amount, currency } as const;
    return isHit(key, 'decline', faults.declinePercent)
      ? { ...charge, status: 'declined', reason: 'card-declined' }
      : { ...charge, status: 'captured' };
  }

  decideRefund(request: RefundRequest, faults: Faults): RefundEntry {
    const { key, chargeKey, amount } = request;
    const charge = this.charges.get(chargeKey);
    const orderId = charge?.orderId ?? '';
    const refund = { kind: 'refund', id: `re_${key}`, key, chargeKey, orderId, amount } as const;
    const refuse = (reason: string): RefundEntry => ({ ...refund, status: 'refused', reason });
    if (charge?.status !== 'captured') return refuse('no-such-charge');
    const left = charge.amount - (this.refundedOf.get(chargeKey) ?? 0);
    if (amount > left) return refuse('exceeds-charge');
    if (isHit(key, 'refuse', faults.refuseRefundPercent)) return refuse('refund-refused');
    return { ...refund, status: 'refunded' };
  }

  /** Totals per order, in order of their ids, after `after`. */
  report(after: string, limit: number): { items: Totals[]; next: string | null } {
    if (!this.isSorted) {
      this.orderIds.sort();
      this.isSorted = true;
    }
    const start = firstAfter(this.orderIds, after);
    const ids = this.orderIds.slice(start, start + limit);
    const items = ids.flatMap((id) => this.totals.get(id) ?? []);
    const isLast = start + limit >= this.orderIds.length;
    return { items, next: isLast ? null : (ids.at(-1) ?? null) };
  }

  /** Sums over everything, and the orders that were captured more than once. */
  summary() {
    const sums = { charges: this.charges.size, captured: 0, refunded: 0, captures: 0, refunds: 0 };
    const doubleCaptures: string[] = [];
    for (const { orderId, captured, refunded, captures, refunds } of this.totals.values()) {
      sums.captured += captured;
      sums.refunded += refunded;
      sums.captures += captures;
      sums.refunds += refunds;
      if (captures > 1) doubleCaptures.push(orderId);
    }
    return { ...sums, doubleCaptures };
  }

  entries(): Entry[] {
    return [...this.charges.values(), ...this.refunds.values()];
  }

  private totalsOf(orderId: string, currency: string): Totals {
    const known = this.totals.get(orderId);
    if (known !== undefined) return known;
    const last = this.orderIds.at(-1);
    if (last !== undefined && last > orderId) this.isSorted = false;
    this.orderIds.push(orderId);
    const totals = { orderId, currency, captures: 0, refunds: 0, captured: 0, refunded: 0 };
    this.totals.set(orderId, totals);
    return totals;
  }
}

/** Position of the first id that is greater, by bisection. */
function firstAfter(sorted: readonly string[], after: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const id = sorted[middle];
    if (id !== undefined && id <= after) low = middle + 1;
    else high = middle;
  }
  return low;
}
