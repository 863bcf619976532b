import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { until } from '@windlass/runtime/testing/until.ts';
import { expectAllSettled } from './invariants.ts';
import type { Shop, View } from './shop.ts';
import { Stack } from './stack.ts';

const reserveDeadlineMs = 1_500;
const payDeadlineMs = 2_000;
const holdMs = 4_000;
const reconcileMs = 2_500;
const holdUnknownMs = 6_000;

let stack: Stack;
let shop: Shop;
let sku: string;
beforeAll(async () => {
  stack = await Stack.start({
    env: {
      PROVIDER_TIMEOUT_MS: '700',
      RESERVE_DEADLINE_MS: `${reserveDeadlineMs}`,
      PAY_DEADLINE_MS: `${payDeadlineMs}`,
      HOLD_MS: `${holdMs}`,
      RECONCILE_MS: `${reconcileMs}`,
      HOLD_UNKNOWN_MS: `${holdUnknownMs}`,
    },
  });
  shop = stack.shops[0];
  sku = await shop.stock(1_000);
}, 60_000);
afterEach(async () => {
  await shop.faults({});
  await expectAllSettled(stack);
});
afterAll(() => stack?.stop(), 30_000);

const place = () => shop.place([{ sku, quantity: 2, unitPrice: 500 }]);
/** Where the lookup comes late, as on a busy machine, an operator is asked for meanwhile. */
const isExpected = (status: string) => status !== 'NEEDS_OPERATOR';
const path = ({ history }: View) => history.map(({ status }) => status);

async function cancelReason(id: string): Promise<unknown> {
  const [row] = await stack.rows<{ body: Buffer }>(
    'order',
    `SELECT body FROM events WHERE aggregate_id = $1 AND type = 'orders.cancelled'`,
    [id],
  );
  return row && JSON.parse(row.body.toString()).reason;
}

async function reservationOf(id: string): Promise<string | undefined> {
  const text = 'SELECT status FROM reservations WHERE order_id = $1';
  const [row] = await stack.rows<{ status: string }>('inventory', text, [id]);
  return row?.status;
}

async function entriesOf(id: string): Promise<string[]> {
  const { entries } = await shop.ledger();
  const all = entries as { orderId: string; status: string }[];
  return all.filter(({ orderId }) => orderId === id).map(({ status }) => status);
}

test('finds by its key what was charged without an answer, and confirms the order', async () => {
  await shop.faults({ timeoutAfterChargePercent: 100 });
  const id = await place();
  const view = await shop.reaches(id, 'CONFIRMED');
  expect(path(view).filter(isExpected)).toEqual([
    'CREATED',
    'RESERVED',
    'PAYMENT_UNKNOWN',
    'CONFIRMED',
  ]);
  expect(await entriesOf(id)).toEqual(['captured']);
});

test('sends a charge again, with the same key, that the provider knows nothing of', async () => {
  await shop.faults({ down: true });
  const id = await place();
  await shop.reaches(id, 'PAYMENT_UNKNOWN');
  expect(await entriesOf(id)).toEqual([]);
  await shop.faults({});
  await shop.reaches(id, 'CONFIRMED');
  expect(await entriesOf(id)).toEqual(['captured']);
});

test('declines an order whose unknown charge turns out declined', async () => {
  await shop.faults({ timeoutAfterChargePercent: 100, declinePercent: 100 });
  const id = await place();
  const view = await shop.reaches(id, 'CANCELLED');
  expect(path(view)).toContain('PAYMENT_UNKNOWN');
  expect(await cancelReason(id)).toBe('payment-declined');
  expect(await entriesOf(id)).toEqual(['declined']);
});

test('cancels an order for which no stock was reserved in time', async () => {
  const id = await stack.without('inventory', async () => {
    const placed = await place();
    await shop.reaches(placed, 'CANCELLING');
    return placed;
  });
  await shop.reaches(id, 'CANCELLED');
  expect(await cancelReason(id)).toBe('reserve-timeout');
});

test('does not cancel for a deadline whose answer waits to be read', async () => {
  stack.hold('inventory');
  const id = await place();
  await until('the order can be read', async () => (await stack.unhandled('inventory')) > 0);
  stack.hold('order');
  stack.release('inventory');
  await until('the stock is held', async () => (await reservationOf(id)) === 'HELD');
  const late = Date.now() + reserveDeadlineMs;
  await until('the deadline passes', () => Date.now() > late);
  stack.release('order');
  const view = await shop.reaches(id, 'CONFIRMED');
  expect(path(view)).not.toContain('CANCELLING');
});

test('handles what came while a process stood still as soon as it goes on', async () => {
  await stack.without('inventory', async () => {
    const id = await place();
    // Long enough for the process to think that the server has forgotten its requests.
    const late = Date.now() + 3_000;
    await until('a while passes', () => Date.now() > late);
    return id;
  });
  const resumed = performance.now();
  await until('it is handled', async () => (await stack.unhandled('inventory')) === 0);
  expect(performance.now() - resumed).toBeLessThan(10_000);
});

test('asks for an operator when a payment stays unknown, and any answer ends that', async () => {
  await shop.faults({ down: true });
  const [found, cancelled] = [await place(), await place()];
  const views = await Promise.all(
    [found, cancelled].map((id) => shop.reaches(id, 'NEEDS_OPERATOR')),
  );
  expect(path(views[0] as View)).toContain('PAYMENT_UNKNOWN');
  expect((await shop.cancel(cancelled)).body).toMatchObject({ status: 'CANCELLING' });
  await shop.faults({});
  await Promise.all([shop.reaches(found, 'CONFIRMED'), shop.reaches(cancelled, 'CANCELLED')]);
});

test('asks for an operator when a cancelled order waits too long for its money', async () => {
  await shop.faults({ timeoutAfterChargePercent: 100 });
  const id = await place();
  await shop.reaches(id, 'PAYMENT_UNKNOWN');
  await shop.faults({ down: true });
  expect((await shop.cancel(id)).status).toBe(202);
  await shop.reaches(id, 'NEEDS_OPERATOR');
  await shop.faults({});
  await shop.reaches(id, 'CANCELLED');
  expect(await entriesOf(id)).toEqual(['captured', 'refunded']);
});

test('keeps the stock of an overdue payment longer, then lets it go and cancels', async () => {
  await shop.faults({ down: true });
  const id = await place();
  await shop.reaches(id, 'PAYMENT_UNKNOWN');
  const reserved = async () => (await shop.stockOf(sku)).reserved;
  const unknownAt = performance.now();
  await until('the hold ends', async () => (await reserved()) === 0);
  expect(performance.now() - unknownAt).toBeGreaterThan(holdMs);
  await until('the order is cancelled', async () => (await cancelReason(id)) === 'hold-expired');
  await shop.faults({});
  await shop.reaches(id, 'CANCELLED');
});

test('sells or gives back, never both, when a hold ends before its payment is heard of', async () => {
  await shop.faults({ slowMs: 500 });
  const id = await place();
  await shop.reaches(id, 'RESERVED');
  await stack.without('order', async () => {
    await until('the hold ends', async () => {
      return (await reservationOf(id)) === 'EXPIRED';
    });
  });
  const { status } = await shop.view(id, '20s');
  const isSold = status === 'CONFIRMED';
  expect(status).toBe(isSold ? 'CONFIRMED' : 'CANCELLED');
  expect(await entriesOf(id)).toEqual(isSold ? ['captured'] : ['captured', 'refunded']);
});
