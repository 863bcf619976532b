import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { type FreshDatabase, freshDatabase } from '@windlass/local/testing.ts';
import type { Decision } from '@windlass/runtime/decision.ts';
import { migrate } from '@windlass/runtime/store/migrations.ts';
import { Database } from '@windlass/runtime/store/pool.ts';
import { cancel, submit } from './decisions.ts';
import { settleCharge } from './outcomes.ts';
import { type Change, defaultTiming, type Payment, type World } from './payment.ts';
import type { Outcome, Report } from './provider-client.ts';
import { reconcile } from './reconciler.ts';
import { migrations, model, selectPayment } from './store.ts';

const now = 1_700_000_000_000;
const cause = { correlationId: 'corr', traceparent: '00-1-2-01' };
const logger = { warn: () => {} };
let fresh: FreshDatabase;
let database: Database;

beforeAll(async () => {
  fresh = await freshDatabase();
  database = new Database({ url: fresh.url, max: 2, name: 'test', logger });
  await migrate(database, migrations);
}, 60_000);
beforeEach(() => database.query({ text: 'TRUNCATE payments, ledger_entries' }));
afterAll(async () => {
  await database.close();
  await fresh.drop();
});

type Input = (world: World) => Decision<Change>;
const reserved =
  (orderId: string): Input =>
  (world) =>
    submit({ orderId, total: 100, currency: 'EUR', lines: [] }, 'bulk', world);
const captured =
  (orderId: string): Input =>
  (world) => {
    const effect = {
      id: `charge-${orderId}`,
      kind: 'charge',
      aggregateId: orderId,
      payload: { orderId, amount: 100, currency: 'EUR' },
      attempts: 0,
      createdAt: now,
    };
    return settleCharge(effect, { outcome: 'captured' }, world, now, defaultTiming).decision;
  };

/** One batch as the runtime runs it. */
async function batch(aggregateIds: string[], inputs: readonly Input[]) {
  return await database.transact(async (tx) => {
    const world = await model.load(tx, { aggregateIds: aggregateIds.sort(), resources: [] });
    const changes: Change[] = [];
    const types: string[] = [];
    for (const input of inputs) {
      const decision = input(world);
      if (decision.outcome !== 'decided' || decision.change === undefined) continue;
      model.evolve(world, decision.change);
      changes.push(decision.change);
      types.push(...decision.events.map(({ definition }) => definition.type));
    }
    return { result: { world, types }, finish: model.save(changes) };
  });
}

test('reads back every kind of payment', async () => {
  const payment: Payment = {
    orderId: 'o1',
    lane: 'hot',
    version: 7,
    status: 'PARTIALLY_REFUNDED',
    amount: 100,
    currency: 'EUR',
    captured: 100,
    refunded: 30,
    refundFailed: 20,
    refunds: [
      { refundId: 'r1', amount: 30, state: 'done' },
      { refundId: 'r2', amount: 20, state: 'failed' },
      { refundId: 'r3', amount: 50, state: 'pending' },
    ],
    cancellation: 'waiting',
    mismatch: { captured: 1, refunded: 2 },
  };
  await database.transact(async () => ({
    result: 0,
    finish: model.save([{ payment, isNew: true, entries: [] }]),
  }));
  const { world } = await batch(['o1', 'o2'], []);
  expect(world).toEqual(new Map([['o1', payment]]));
});

test('writes a payment that begins and ends in one batch, with its bookings', async () => {
  const { world } = await batch(['o1', 'o2'], [reserved('o1'), captured('o1'), reserved('o2')]);
  expect((await batch(['o1', 'o2'], [])).world).toEqual(world);
  await batch(['o2'], [captured('o2')]);
  const text = `SELECT account, sum(debit) AS debit, sum(credit) AS credit
                FROM ledger_entries GROUP BY account ORDER BY account`;
  expect(await database.query({ text })).toEqual([
    { account: 'customer', debit: '200', credit: '200' },
    { account: 'receivable', debit: '200', credit: '0' },
    { account: 'revenue', debit: '0', credit: '200' },
  ]);
  expect(await database.query(selectPayment('o2'))).toEqual([
    { status: 'CAPTURED', captured: 100, refunded: 0, currency: 'EUR' },
  ]);
});

test('keeps a tombstone, which has no currency', async () => {
  const { world } = await batch(['o1'], [(each) => cancel('o1', 'hot', each)]);
  expect((await batch(['o1'], [])).world).toEqual(world);
  expect(await database.query(selectPayment('o1'))).toMatchObject([{ currency: null }]);
});

test('books an outcome once', async () => {
  await batch(['o1'], [reserved('o1'), captured('o1')]);
  const again = database.transact(async () => {
    const before = (await batch(['o2'], [reserved('o2')])).world.get('o2');
    if (before === undefined) throw new Error('no payment');
    const decision = captured('o1')(new Map([['o1', { ...before, orderId: 'o1' }]]));
    const change = decision.outcome === 'decided' ? decision.change : undefined;
    return { result: 0, finish: change === undefined ? [] : model.save([change]) };
  });
  await expect(again).rejects.toMatchObject({ code: '23505' });
});

test('the reconciler publishes each difference once, page by page', async () => {
  const ids = Array.from({ length: 600 }, (_, index) => `o${String(index).padStart(4, '0')}`);
  await batch(
    [...ids],
    ids.flatMap((id) => [reserved(id), captured(id)]),
  );
  const published: string[] = [];
  const kit: Parameters<typeof reconcile>[0] = {
    query: (statement) => database.query(statement),
    async execute(command) {
      const { types } = await batch(
        [command.aggregateId],
        [(world) => command.decide(world, now).decision as Decision<Change>],
      );
      published.push(...types.map((type) => `${type} ${command.aggregateId}`));
      return { status: 204, body: '' };
    },
  };
  const reported = ids
    .filter((id) => id !== 'o0003')
    .map((orderId) => ({ orderId, captured: orderId === 'o0550' ? 99 : 100, refunded: 0 }));
  const client = {
    async report(after: string, limit: number): Promise<Outcome<Report>> {
      const rest = reported.filter(({ orderId }) => orderId > after);
      const items = rest.slice(0, limit);
      return { items, next: rest.length > limit ? (items.at(-1)?.orderId ?? null) : null };
    },
  };
  for (let round = 0; round < 2; round++) {
    let after: string | undefined = '';
    let compared = 0;
    while (after !== undefined) {
      const signal = new AbortController().signal;
      const page = await reconcile(kit, client, { after, cause }, signal);
      compared += page?.compared ?? 0;
      after = page?.next;
    }
    expect(compared).toBe(600);
  }
  expect(published).toEqual(['payments.mismatch o0003', 'payments.mismatch o0550']);
});
