import { expect } from '@jest/globals';
import { settledStatuses } from '@windlass/contracts/orders.ts';
import { until } from '@windlass/runtime/testing/until.ts';
import { type Ledgers, readLedgers } from './ledgers.ts';
import { foldedOrders } from './projection.ts';
import { type Stack, workerNames } from './stack.ts';

export interface Expected {
  /** Dead letters by service; none when not said. */
  readonly deadLetters?: Readonly<Record<string, number>>;
  readonly withinMs?: number;
}

/**
 * Waits until every order is settled and nothing moves, and then compares what the provider,
 * the payments, the orders and the stock say. One list of everything that is wrong.
 */
export async function expectAllSettled(stack: Stack, expected: Expected = {}): Promise<Ledgers> {
  await stillness(stack, expected.withinMs ?? 45_000);
  const ledgers = await readLedgers(stack);
  expect([
    ...orderFaults(ledgers),
    ...moneyFaults(ledgers),
    ...stockFaults(ledgers),
    ...leftovers(ledgers, expected.deadLetters ?? {}),
    ...(await foldedOrders(stack)),
    ...crashes(stack),
  ]).toEqual([]);
  return ledgers;
}

/**
 * Nothing moves when between two looks at the tables that found no work and equally many
 * events, the consumers had none either: whatever they handle shows in one of the looks.
 */
export async function stillness(stack: Stack, withinMs: number): Promise<void> {
  let seen = '';
  const isStill = async () => {
    const before = await unfinished(stack);
    const waiting = await Promise.all(workerNames.map((name) => stack.unhandled(name)));
    const after = await unfinished(stack);
    seen = `${JSON.stringify(after)}, not acknowledged ${waiting.join(', ')}`;
    const isIdle = after.work === 0 && before.work === 0 && before.events === after.events;
    return isIdle && waiting.every((count) => count === 0);
  };
  await until('everything is settled', isStill, { withinMs }).catch((error: unknown) => {
    throw new Error(`not everything is settled: ${seen}`, { cause: error });
  });
}

/** A process that ended by itself says so in these words; its other replica may hide it. */
const lastWords = /^(FATAL ERROR|Node\.js v\d)/;

function crashes(stack: Stack): string[] {
  return stack.platform.processes.flatMap((each) =>
    each.lines().flatMap((line) => (lastWords.test(line) ? [`${each.name} crashed: ${line}`] : [])),
  );
}

async function unfinished(stack: Stack) {
  const open = settledStatuses.map((status) => `'${status}'`).join(', ');
  const counts = await Promise.all([
    one(stack, 'order', `SELECT count(*) FROM orders WHERE status NOT IN (${open})`),
    one(stack, 'payment', 'SELECT count(*) FROM effects'),
    ...workerNames.map((name) => one(stack, name, 'SELECT count(*) FROM outbox_pending')),
    ...workerNames.map((name) => one(stack, name, 'SELECT count(*) FROM parked')),
  ]);
  const events = await Promise.all(
    workerNames.map((name) => one(stack, name, 'SELECT count(*) FROM events')),
  );
  const [orders, effects, ...queues] = counts;
  const sum = (values: readonly number[]) => values.reduce((left, right) => left + right, 0);
  return { work: sum(counts), orders, effects, queues, events: sum(events) };
}

async function one(
  stack: Stack,
  worker: (typeof workerNames)[number],
  text: string,
): Promise<number> {
  const [row] = await stack.rows<{ count: number }>(worker, text);
  return Number(row?.count);
}

function orderFaults({ orders }: Ledgers): string[] {
  return orders.flatMap(({ id, status, total, captured, refunded }) => {
    const left = captured - refunded;
    const isPaid = status === 'CONFIRMED' ? left > 0 || total === 0 : left === 0;
    return [
      ...(settledStatuses.includes(status) ? [] : [`order ${id} is ${status}`]),
      ...(isPaid ? [] : [`order ${id} is ${status} and keeps ${left} of ${total}`]),
    ];
  });
}

/** The provider's ledger is the judge: what it took and gave back is what everybody says. */
function moneyFaults({ orders, payments, provider, bookings }: Ledgers): string[] {
  const faults: string[] = [];
  const orderOf = new Map(orders.map((order) => [order.id, order]));
  const paymentOf = new Map(payments.map((payment) => [payment.order_id, payment]));
  for (const id of new Set([...provider.map(({ orderId }) => orderId), ...orderOf.keys()])) {
    const entries = provider.filter(({ orderId }) => orderId === id);
    const captures = entries.filter(({ status }) => status === 'captured');
    const refunds = entries.filter(({ status }) => status === 'refunded');
    const sumOf = (some: typeof entries) => some.reduce((sum, { amount }) => sum + amount, 0);
    const [captured, refunded] = [sumOf(captures), sumOf(refunds)];
    const [order, payment] = [orderOf.get(id), paymentOf.get(id)];
    if (order === undefined) faults.push(`a charge for order ${id}, which there is not`);
    if (captures.length > 1) faults.push(`order ${id} was captured ${captures.length} times`);
    for (const [name, row] of Object.entries({ order, payment })) {
      if (row === undefined) continue;
      const isSame = row.captured === captured && row.refunded === refunded;
      const told = `${row.captured} less ${row.refunded}`;
      if (!isSame)
        faults.push(`${name} ${id}: ${told}, the provider: ${captured} less ${refunded}`);
    }
    if (order?.status === 'CANCELLED' && captures.length !== refunds.length) {
      faults.push(`cancelled order ${id}: ${captures.length} captures, ${refunds.length} refunds`);
    }
  }
  const credit = bookings.reduce((sum, row) => sum + row.credit, 0);
  const debit = bookings.reduce((sum, row) => sum + row.debit, 0);
  if (credit !== debit) faults.push(`debits of ${debit} and credits of ${credit}`);
  const moved = provider
    .filter(({ status }) => status === 'captured' || status === 'refunded')
    .reduce((sum, { amount }) => sum + amount, 0);
  // Each movement is booked twice: what the customer owes, and what the provider owes.
  if (debit !== 2 * moved) faults.push(`${debit} is booked for ${moved} that moved`);
  return faults;
}

function stockFaults({ orders, stock, reservations }: Ledgers): string[] {
  const faults: string[] = [];
  const statusOf = new Map(orders.map(({ id, status }) => [id, status]));
  const sold = new Map<string, number>();
  for (const { status, lines } of orders) {
    if (status !== 'CONFIRMED' && status !== 'REFUNDED') continue;
    for (const { sku, quantity } of lines) sold.set(sku, (sold.get(sku) ?? 0) + quantity);
  }
  for (const row of stock) {
    const isWhole = row.on_hand === row.available + row.reserved + row.sold;
    if (!isWhole || row.available < 0) faults.push(`stock ${JSON.stringify(row)}`);
    if (row.reserved !== 0) faults.push(`${row.reserved} of ${row.sku} are held for nobody`);
    const ordered = sold.get(row.sku) ?? 0;
    if (row.sold !== ordered) faults.push(`${row.sold} of ${row.sku} sold, ${ordered} ordered`);
  }
  for (const { order_id: id, status } of reservations) {
    const order = statusOf.get(id);
    if (order === undefined) faults.push(`a reservation for order ${id}, which there is not`);
    else if (status === 'HELD') faults.push(`order ${id} is ${order} and holds stock`);
  }
  return faults;
}

function leftovers(ledgers: Ledgers, expected: Readonly<Record<string, number>>): string[] {
  const { pending, parked, deadLetters } = ledgers;
  return workerNames.flatMap((name) => [
    ...(pending[name] === 0 ? [] : [`${name} has ${pending[name]} unpublished events`]),
    ...(parked[name] === 0 ? [] : [`${name} has ${parked[name]} parked messages`]),
    ...(deadLetters[name] === (expected[name] ?? 0)
      ? []
      : [`${name} has ${deadLetters[name]} dead letters`]),
  ]);
}
