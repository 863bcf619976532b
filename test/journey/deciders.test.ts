import { expect, test } from '@jest/globals';
import type { OrderStatus } from '@windlass/contracts/orders.ts';
import { onHandOf } from '@windlass/inventory/stock.ts';
import { begin, evolve, type LaterEvent, type Order } from '@windlass/order/order.ts';
import { pendingOf } from '@windlass/payment/payment.ts';
import fc from 'fast-check';
import { Simulation, settled } from './simulation.ts';

const initialStock = { a: 6, b: 8, c: 30 };

/** Which status may follow which one. */
const legal: Readonly<Record<OrderStatus, readonly OrderStatus[]>> = {
  CREATED: ['RESERVED', 'REJECTED', 'PAYMENT_UNKNOWN', 'CONFIRMED', 'CANCELLING'],
  RESERVED: ['CONFIRMED', 'PAYMENT_UNKNOWN', 'CANCELLING'],
  PAYMENT_UNKNOWN: ['CONFIRMED', 'NEEDS_OPERATOR', 'CANCELLING'],
  NEEDS_OPERATOR: ['CONFIRMED', 'CANCELLING', 'CANCELLED'],
  CONFIRMED: ['REFUNDING', 'CANCELLING'],
  REFUNDING: ['CONFIRMED', 'REFUNDED', 'CANCELLING'],
  REFUNDED: ['CANCELLING'],
  CANCELLING: ['CANCELLED', 'NEEDS_OPERATOR'],
  REJECTED: [],
  CANCELLED: [],
};

interface Plan {
  readonly seed: number;
  readonly orders: number;
  readonly steps: number;
  readonly troubles: number;
  readonly duplicates: number;
}
const plans = fc.record<Plan>({
  seed: fc.integer(),
  orders: fc.integer({ min: 1, max: 5 }),
  steps: fc.integer({ min: 0, max: 120 }),
  troubles: fc.constantFrom(0, 0.1, 0.4),
  duplicates: fc.constantFrom(0, 0.3),
});

/** Thousands of these run for each plan, and `expect` would take most of the time. */
function must(holds: boolean, rule: string): void {
  if (!holds) throw new Error(`broken: ${rule}`);
}

function checkAlways(world: Simulation): void {
  for (const stock of world.inventory.stock.values()) {
    const { sku, available, reserved, sold } = stock;
    must(available >= 0 && reserved >= 0 && sold >= 0, `no stock of ${sku} is negative`);
    must(onHandOf(stock) === Object(initialStock)[sku], `no piece of ${sku} appears or is lost`);
  }
  for (const payment of world.payments.values()) {
    const { captured, refunded } = payment;
    must(refunded + pendingOf(payment) <= captured, 'no more is refunded than was captured');
  }
  for (const { facts } of world.orders.values()) {
    must(facts.refunded + facts.refundPending <= facts.captured, 'the order knows of no more');
    must(facts.captured === 0 || facts.reservation !== 'none', 'what is captured was held');
  }
}

function chaos(world: Simulation, { orders, steps, troubles, duplicates }: Plan): void {
  for (let index = 0; index < orders; index++) {
    const lines = ['a', 'b', 'c'].slice(world.below(3)).map((sku) => ({
      sku,
      quantity: 1 + world.below(4),
      unitPrice: world.chance(0.1) ? 0 : 10 + world.below(10),
    }));
    world.place({ customerId: 'c-1', currency: 'EUR', lines, lane: 'standard' }, `o${index}`);
  }
  for (let step = 0; step < steps; step++) {
    const order = `o${world.below(orders)}`;
    const dice = world.below(100);
    if (dice < 50) world.deliver(duplicates);
    else if (dice < 75) world.perform(troubles);
    else if (dice < 80) world.cancel(order);
    else if (dice < 87) world.refund(order);
    else if (dice < 90) world.now += 60_000 * world.below(1_800);
    else world.fireTimers();
    checkAlways(world);
  }
}

/** Delivers everything, and lets time pass only when nothing else happens. */
function settle(world: Simulation): void {
  for (let rounds = 0; rounds < 40; rounds++) {
    while (world.pending.length + world.effects.length > 0) {
      world.deliver(0);
      world.perform(0);
      checkAlways(world);
    }
    world.now += 3_600_000;
    world.fireTimers();
  }
}

const typesOf = (world: Simulation, publisher: string, id: string) =>
  (world.published.get(`${publisher} ${id}`) ?? []).map(({ made }) => made.definition.type);
const count = (types: readonly string[], type: string) =>
  types.filter((each) => each === type).length;

function checkOrder(world: Simulation, order: Order): void {
  const { id, status, facts } = order;
  expect(settled).toContain(status);
  const captures = [...world.charges.values()].filter((c) => c.orderId === id && c.captured);
  const refunds = [...world.refunds.values()].filter((r) => r.orderId === id && r.done);
  const captured = captures.reduce((sum, each) => sum + each.amount, 0);
  const refunded = refunds.reduce((sum, each) => sum + each.amount, 0);
  expect(captures.length).toBeLessThanOrEqual(1);
  expect(facts.captured).toBe(captured);
  expect(facts.refunded).toBe(refunded);
  expect(facts.refundPending).toBe(0);
  if (status === 'CANCELLED' || status === 'REFUNDED') expect(refunded).toBe(captured);
  if (status === 'CONFIRMED' && captured > 0) expect(refunded).toBeLessThan(captured);
  if (status === 'REJECTED') expect(captured).toBe(0);
  const cancellations = count(typesOf(world, 'order', id), 'orders.cancelled');
  expect(cancellations).toBeLessThanOrEqual(1);
  expect(count(typesOf(world, 'inventory', id), 'inventory.released')).toBe(cancellations);
  const repaid = (world.published.get(`payment ${id}`) ?? []).filter(
    ({ made }) => made.definition.type === 'payments.refunded' && !('refundId' in made.data),
  ).length;
  expect(count(typesOf(world, 'payment', id), 'payments.voided') + repaid).toBe(cancellations);
  expect(count(typesOf(world, 'payment', id), 'payments.unknown')).toBeLessThanOrEqual(1);
}

function checkStock(world: Simulation): void {
  const sold = new Map<string, number>();
  for (const { id, status } of world.orders.values()) {
    if (status !== 'CONFIRMED' && status !== 'REFUNDED') continue;
    for (const { sku, quantity } of world.inventory.reservations.get(id)?.lines ?? []) {
      sold.set(sku, (sold.get(sku) ?? 0) + quantity);
    }
  }
  for (const stock of world.inventory.stock.values()) {
    expect(stock.reserved).toBe(0);
    expect(stock.sold).toBe(sold.get(stock.sku) ?? 0);
  }
}

function checkLedger(world: Simulation): void {
  const balance = new Map<string, number>();
  for (const { account, debit, credit } of world.entries) {
    balance.set(account, (balance.get(account) ?? 0) + debit - credit);
  }
  const sum = (values: Iterable<{ amount: number }>) =>
    [...values].reduce((total, { amount }) => total + amount, 0);
  const captured = sum([...world.charges.values()].filter((charge) => charge.captured));
  const refunded = sum([...world.refunds.values()].filter((refund) => refund.done));
  expect([...balance.values()].reduce((total, each) => total + each, 0)).toBe(0);
  expect(balance.get('customer') ?? 0).toBe(0);
  expect(balance.get('receivable') ?? 0).toBe(captured - refunded);
  expect(balance.get('revenue') ?? 0).toBe(0 - captured);
  expect(balance.get('refund') ?? 0).toBe(refunded);
  const entries = world.entries.map((entry) => `${entry.booking} ${entry.position}`);
  expect(new Set(entries).size).toBe(entries.length);
}

function checkFold(world: Simulation, order: Order): void {
  const [first, ...later] = world.published.get(`order ${order.id}`) ?? [];
  if (first === undefined) throw new Error('no first event');
  const begun = begin(first.made.data as Parameters<typeof begin>[0], order.lane, first.at);
  const folded = later.reduce(
    (state, { made, at }) => evolve(state, made as LaterEvent, at),
    begun,
  );
  expect(folded).toEqual(order);
}

test('every order settles with exact stock and money, whatever arrives when and how often', () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(plans, (plan) => {
      const world = new Simulation(plan.seed, initialStock);
      chaos(world, plan);
      settle(world);
      for (const order of world.orders.values()) {
        checkOrder(world, order);
        checkFold(world, order);
      }
      checkStock(world);
      checkLedger(world);
      for (const transition of world.transitions) seen.add(transition);
    }),
    { numRuns: 600 },
  );
  for (const transition of seen) {
    const [from, to] = transition.split(' ') as [OrderStatus, OrderStatus];
    if (from !== to)
      expect({ from, allowed: legal[from] }).toMatchObject({
        allowed: expect.arrayContaining([to]),
      });
  }
});
