import * as contracts from '@windlass/contracts/orders.ts';
import * as inventory from '@windlass/inventory/inventory.ts';
import { reactions as inventoryReactions } from '@windlass/inventory/reactions.ts';
import { cancel, requestRefund } from '@windlass/order/commands.ts';
import { deadlinePassed } from '@windlass/order/deadlines.ts';
import { type Order, type PlaceOrder, place } from '@windlass/order/order.ts';
import { reactions as orderReactions } from '@windlass/order/reactions.ts';
import type { ChargePayload, RefundPayload } from '@windlass/payment/decisions.ts';
import type { LedgerEntry } from '@windlass/payment/ledger.ts';
import { settleCharge, settleRefund } from '@windlass/payment/outcomes.ts';
import * as payment from '@windlass/payment/payment.ts';
import { reactions as paymentReactions } from '@windlass/payment/reactions.ts';
import type { Decision, NewEffect } from '@windlass/runtime/decision.ts';
import type { NewEvent, ReceivedEvent } from '@windlass/runtime/event.ts';

/** Numbers from a seed, so that a failing run can be repeated (mulberry32). */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

type Reaction = { decide(event: ReceivedEvent, world: unknown, now: number): Decision<unknown> };
type Consumer = 'order' | 'inventory' | 'payment';

interface Pending {
  readonly to: Consumer;
  readonly event: ReceivedEvent;
}
interface PendingEffect {
  readonly effect: NewEffect;
  attempts: number;
  dueAt: number;
}
export interface RecordedEvent {
  readonly made: NewEvent;
  readonly at: number;
}

/**
 * The three deciders joined by queues that deliver in any order and more than once, with a
 * provider that declines, refuses and keeps silent. No inbox: the deciders alone must do.
 */
export class Simulation {
  now = 1_700_000_000_000;
  readonly orders = new Map<string, Order>();
  readonly inventory: inventory.World = { reservations: new Map(), stock: new Map() };
  readonly payments: payment.World = new Map();
  readonly entries: LedgerEntry[] = [];
  /** Everything that was published, by aggregate and publisher. */
  readonly published = new Map<string, RecordedEvent[]>();
  readonly charges = new Map<string, { orderId: string; amount: number; captured: boolean }>();
  readonly refunds = new Map<string, { orderId: string; amount: number; done: boolean }>();
  readonly transitions = new Set<string>();
  pending: Pending[] = [];
  effects: PendingEffect[] = [];
  private readonly next: () => number;
  private readonly reactions: Record<Consumer, Record<string, Reaction>>;
  private readonly worlds: Record<Consumer, unknown>;
  private readonly effectIds = new Set<string>();
  private refundCount = 0;

  constructor(seed: number, stock: Readonly<Record<string, number>>) {
    this.next = random(seed);
    this.reactions = {
      order: orderReactions() as unknown as Record<string, Reaction>,
      inventory: inventoryReactions() as unknown as Record<string, Reaction>,
      payment: paymentReactions as unknown as Record<string, Reaction>,
    };
    this.worlds = { order: this.orders, inventory: this.inventory, payment: this.payments };
    for (const [sku, available] of Object.entries(stock)) {
      this.inventory.stock.set(sku, { sku, available, reserved: 0, sold: 0 });
    }
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }
  chance(share: number): boolean {
    return this.next() < share;
  }

  place(command: PlaceOrder, id: string): void {
    const { order, events } = place(command, id, this.now);
    this.orders.set(id, order);
    this.publish('order', id, order.lane, 1, events);
  }

  cancel(id: string): void {
    const commanded = cancel(this.known(id), undefined, this.now);
    if ('decision' in commanded) this.apply('order', commanded.decision);
  }

  refund(id: string): void {
    const amount = this.chance(0.5) ? undefined : 1 + this.below(40);
    const refund = { refundId: `r${++this.refundCount}`, amount };
    const commanded = requestRefund(this.known(id), refund, this.now);
    if ('decision' in commanded) this.apply('order', commanded.decision);
  }

  /** Delivers any one event; what its consumer does not know yet is kept. */
  deliver(duplicates: number): void {
    const index = this.below(this.pending.length);
    const pending = this.pending[index];
    if (pending === undefined) return;
    if (!this.chance(duplicates)) this.pending.splice(index, 1);
    const reaction = this.reactions[pending.to][pending.event.type];
    if (reaction === undefined) throw new Error(`${pending.to} has no ${pending.event.type}`);
    const decision = reaction.decide(pending.event, this.worlds[pending.to], this.now);
    if (decision.outcome === 'orphan') throw new Error(`orphan ${pending.event.type}`);
    this.apply(pending.to, decision);
  }

  /** Calls the provider for any one effect. `troubles`: how often it keeps silent. */
  perform(troubles: number): void {
    const index = this.below(this.effects.length);
    const pending = this.effects[index];
    if (pending === undefined) return;
    const claimed = {
      ...pending.effect,
      aggregateId: String(pending.effect.payload.orderId),
      attempts: pending.attempts++,
      createdAt: this.now,
    };
    const { decision, fate } =
      pending.effect.kind === 'charge'
        ? this.charge({ ...claimed, payload: claimed.payload as ChargePayload }, troubles)
        : this.repay({ ...claimed, payload: claimed.payload as RefundPayload }, troubles);
    if (fate.next === 'done') this.effects.splice(index, 1);
    else pending.dueAt = fate.at;
    this.apply('payment', decision);
  }

  private charge(
    effect: Parameters<typeof settleCharge>[0],
    troubles: number,
  ): ReturnType<typeof settleCharge> {
    const settle = (result: Parameters<typeof settleCharge>[1]) =>
      settleCharge(effect, result, this.payments, this.now, payment.defaultTiming);
    if (this.chance(troubles)) return settle({ outcome: 'unknown' });
    const { orderId, amount } = effect.payload;
    const known = this.charges.get(effect.id) ?? { orderId, amount, captured: this.chance(0.75) };
    this.charges.set(effect.id, known);
    if (this.chance(troubles)) return settle({ outcome: 'unknown' });
    return settle(
      known.captured ? { outcome: 'captured' } : { outcome: 'declined', reason: 'card-declined' },
    );
  }

  private repay(
    effect: Parameters<typeof settleRefund>[0],
    troubles: number,
  ): ReturnType<typeof settleRefund> {
    const settle = (result: Parameters<typeof settleRefund>[1]) =>
      settleRefund(effect, result, this.payments, this.now, payment.defaultTiming);
    if (this.chance(troubles)) return settle({ outcome: 'unknown' });
    const { orderId, amount } = effect.payload;
    const known = this.refunds.get(effect.id) ?? { orderId, amount, done: this.chance(0.7) };
    this.refunds.set(effect.id, known);
    if (this.chance(troubles)) return settle({ outcome: 'unknown' });
    return settle(
      known.done ? { outcome: 'refunded' } : { outcome: 'refused', reason: 'refund-refused' },
    );
  }

  /** Fires every timer that is due. */
  fireTimers(): void {
    for (const order of [...this.orders.values()]) {
      if (order.deadline !== undefined) {
        this.apply('order', deadlinePassed(order, order.deadline.kind, this.now));
      }
    }
    for (const { orderId } of [...this.inventory.reservations.values()]) {
      this.apply('inventory', inventory.expireHold(orderId, this.inventory, this.now));
    }
  }

  private known(id: string): Order {
    const order = this.orders.get(id);
    if (order === undefined) throw new Error(`no order ${id}`);
    return order;
  }

  private apply(publisher: Consumer, decision: Decision<unknown>): void {
    if (decision.outcome !== 'decided') return;
    const { aggregateId, change, events, effects = [], version, lane } = decision;
    if (publisher === 'order') this.changeOrder(change as Order);
    if (publisher === 'inventory') inventory.evolve(this.inventory, change as inventory.Change);
    if (publisher === 'payment') {
      const changed = change as payment.Change;
      payment.evolve(this.payments, changed);
      this.entries.push(...changed.entries);
    }
    for (const effect of effects) {
      if (this.effectIds.has(effect.id)) continue;
      this.effectIds.add(effect.id);
      this.effects.push({ effect, attempts: 0, dueAt: this.now });
    }
    this.publish(publisher, aggregateId, lane, version, events);
  }

  private changeOrder(order: Order): void {
    this.transitions.add(`${this.known(order.id).status} ${order.status}`);
    this.orders.set(order.id, order);
  }

  private publish(
    publisher: Consumer,
    aggregateId: string,
    lane: ReceivedEvent['lane'],
    version: number,
    events: readonly NewEvent[],
  ): void {
    const key = `${publisher} ${aggregateId}`;
    const before = this.published.get(key) ?? [];
    const all = [...before, ...events.map((made) => ({ made, at: this.now }))];
    if (all.length !== version) throw new Error(`${key}: version ${version} of ${all.length}`);
    this.published.set(key, all);
    events.forEach((made, index) => {
      const { type } = made.definition;
      made.definition.data.parse(made.data);
      const sequence = before.length + index + 1;
      const event: ReceivedEvent = {
        type,
        id: `${key} ${sequence}`,
        logicalId: `${key} ${sequence}`,
        aggregateId,
        sequence,
        lane: made.lane ?? lane,
        time: this.now,
        data: made.data,
        correlationId: 'c',
        traceparent: 't',
      };
      for (const to of ['order', 'inventory', 'payment'] as const) {
        if (type in this.reactions[to]) this.pending.push({ to, event });
      }
    });
  }
}

export const settled = contracts.settledStatuses;
