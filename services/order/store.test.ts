import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { type FreshDatabase, freshDatabase } from '@windlass/local/testing.ts';
import type { Decision } from '@windlass/runtime/decision.ts';
import { Acceptor } from '@windlass/runtime/store/acceptor.ts';
import { appendEvents, record } from '@windlass/runtime/store/events.ts';
import { migrate } from '@windlass/runtime/store/migrations.ts';
import { Database } from '@windlass/runtime/store/pool.ts';
import { runtimeMigrations } from '@windlass/runtime/store/schema.ts';
import * as answers from './answers.ts';
import { cancel, requestRefund } from './commands.ts';
import { defaultTiming, type Order, place } from './order.ts';
import { acceptColumns, migrations, model } from './store.ts';
import { timers } from './timers.ts';
import { fromRow, selectPage, selectSettled, selectView, viewOf } from './view.ts';

const now = 1_700_000_000_000;
const cause = { correlationId: 'corr', traceparent: '00-1-2-01' };
const logger = { warn: () => {} };
let fresh: FreshDatabase;
let database: Database;

beforeAll(async () => {
  fresh = await freshDatabase();
  database = new Database({ url: fresh.url, max: 2, name: 'test', logger });
  await migrate(database, [...runtimeMigrations, ...migrations]);
}, 60_000);
beforeEach(() => database.query({ text: 'TRUNCATE orders, events, outbox_pending, idempotency' }));
afterAll(async () => {
  await database.close();
  await fresh.drop();
});

const lines = [{ sku: 'a', quantity: 2, unitPrice: 50 }];

async function accepted(...ids: string[]): Promise<Order[]> {
  const acceptor = new Acceptor<Order>({
    database,
    table: 'orders',
    columns: acceptColumns,
    committed: () => {},
    maxBatch: 100,
  });
  const made = ids.map((id) =>
    place({ customerId: 'c', currency: 'EUR', lines, lane: 'bulk' }, id, now),
  );
  await Promise.all(
    made.map(({ order, events }) => {
      const [event] = record({ ...order, aggregateId: order.id, events }, cause, now);
      if (event === undefined) throw new Error('no event');
      const use = { scope: 's', key: order.id, fingerprint: Buffer.from('f') };
      const reply = { status: 202, body: '{}' };
      return acceptor.accept({ entity: order, event, cause, use, reply });
    }),
  );
  return made.map(({ order }) => order);
}

async function load(ids: readonly string[]): Promise<(Order | undefined)[]> {
  return await database.transact(async (tx) => {
    const world = await model.load(tx, { aggregateIds: [...ids].sort(), resources: [] });
    return { result: ids.map((id) => world.get(id)) };
  });
}

/** Stores decisions as the runtime does. */
async function store(at: number, ...decisions: Decision<Order>[]): Promise<Order[]> {
  const decided = decisions.flatMap((each) => (each.outcome === 'decided' ? [each] : []));
  const changes = decided.flatMap(({ change }) => (change === undefined ? [] : [change]));
  const events = decided.flatMap((each) => record(each, cause, at));
  await database.transact(async () => ({
    result: undefined,
    finish: [...model.save(changes), appendEvents(events)],
  }));
  return changes;
}

const decision = (commanded: ReturnType<typeof cancel>): Decision<Order> => {
  if ('refused' in commanded) throw new Error(commanded.refused);
  return commanded.decision;
};

test('reads back what was accepted, in the order asked for', async () => {
  const orders = await accepted('o2', 'o1');
  expect(await load(['o1', 'o2', 'o3'])).toEqual([orders[1], orders[0], undefined]);
});

test('writes the last change of each order, all in one statement', async () => {
  const [first, second] = await accepted('o1', 'o2');
  if (first === undefined || second === undefined) throw new Error('not accepted');
  const paid = answers.captured(first, { amount: 100 }, now + 5, defaultTiming);
  if (paid.outcome !== 'decided' || paid.change === undefined) throw new Error('not paid');
  const refund = decision(requestRefund(paid.change, { refundId: 'r', amount: 30 }, now + 6));
  const unknown = answers.unknown(second, {}, now + 7, defaultTiming);
  const [, refunding, waiting] = await store(now + 7, paid, refund, unknown);
  expect(await load(['o1', 'o2'])).toEqual([refunding, waiting]);
  expect(refunding?.status).toBe('REFUNDING');
  expect(waiting?.deadline?.kind).toBe('reconcile');
});

test('tells which change settles an order', async () => {
  const [order] = await accepted('o1');
  if (order === undefined) throw new Error('not accepted');
  const world = new Map([[order.id, order]]);
  const confirmed: Order = { ...order, status: 'CONFIRMED' };
  expect(model.settled?.(world, confirmed)).toEqual({
    id: 'o1',
    status: 'CONFIRMED',
    acceptedAt: now,
  });
  expect(model.settled?.(world, { ...order, status: 'RESERVED' })).toBeUndefined();
  expect(model.settled?.(new Map([['o1', confirmed]]), confirmed)).toBeUndefined();
});

test('shows an order with its lines and the history of its status', async () => {
  const [order] = await accepted('o1');
  if (order === undefined) throw new Error('not accepted');
  const [held] = await store(now + 10, answers.reserved(order, {}, now + 10, defaultTiming));
  if (held === undefined) throw new Error('not held');
  await store(now + 20, answers.captured(held, { amount: 100 }, now, defaultTiming));
  const view = viewOf(await database.query(selectView('o1')));
  const at = (ms: number) => new Date(now + ms).toISOString();
  expect(view).toEqual({
    orderId: 'o1',
    status: 'CONFIRMED',
    total: 100,
    currency: 'EUR',
    acceptedAt: at(0),
    lines,
    history: [
      { status: 'CREATED', at: at(0) },
      { status: 'RESERVED', at: at(10) },
      { status: 'CONFIRMED', at: at(20) },
    ],
  });
  expect(viewOf(await database.query(selectView('o9')))).toBeUndefined();
});

test('lists orders newest first, by status, page by page', async () => {
  const orders = await accepted('o1', 'o2', 'o3', 'o4');
  const [, second] = orders;
  if (second === undefined) throw new Error('not accepted');
  await store(now, decision(cancel(second, undefined, now)));
  const ids = async (page: Parameters<typeof selectPage>[0]) =>
    (
      await database.query<Parameters<typeof fromRow>[0] & { [column: string]: unknown }>(
        selectPage(page),
      )
    ).map((row) => fromRow(row).orderId);
  // One more than the page holds says that there is another page.
  expect(await ids({ statuses: [], after: undefined, limit: 2 })).toEqual(['o4', 'o3', 'o2']);
  expect(await ids({ statuses: ['CREATED'], after: 'o4', limit: 5 })).toEqual(['o3', 'o1']);
  expect(await ids({ statuses: ['CANCELLING', 'CONFIRMED'], after: undefined, limit: 5 })).toEqual([
    'o2',
  ]);
});

test('finds the settled among the waiting', async () => {
  const [order] = await accepted('o1', 'o2');
  if (order === undefined) throw new Error('not accepted');
  await store(now, answers.rejected(order, {}, now, defaultTiming));
  expect(await database.query(selectSettled(['o1', 'o2']))).toEqual([{ id: 'o1' }]);
});

test('fires the deadlines that have passed, the oldest first, and only once', async () => {
  await accepted('o1', 'o2');
  const [timer] = timers();
  if (timer === undefined) throw new Error('no timer');
  expect(await database.query(timer.due(now + defaultTiming.reserveDeadlineMs - 1, 9))).toEqual([]);
  const later = now + defaultTiming.reserveDeadlineMs;
  const [row] = await database.query(timer.due(later, 1));
  if (row === undefined) throw new Error('not due');
  const work = timer.work(row);
  expect(work.cause).toEqual(cause);
  const [order] = await load([work.aggregateId]);
  if (order === undefined) throw new Error('not there');
  const [cancelled] = await store(later, work.decide(new Map([[order.id, order]]), later).decision);
  expect(cancelled?.status).toBe('CANCELLING');
  expect(await database.query(timer.due(later, 9))).toHaveLength(1);
});
