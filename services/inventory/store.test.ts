import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { type FreshDatabase, freshDatabase } from '@windlass/local/testing.ts';
import type { Decision } from '@windlass/runtime/decision.ts';
import { appendEvents, record } from '@windlass/runtime/store/events.ts';
import { migrate } from '@windlass/runtime/store/migrations.ts';
import { Database } from '@windlass/runtime/store/pool.ts';
import { runtimeMigrations } from '@windlass/runtime/store/schema.ts';
import type { Statement } from '@windlass/runtime/store/transaction.ts';
import { type Change, commit, extendHold, release, reserve, type World } from './inventory.ts';
import { setStock } from './stock.ts';
import { migrations, model, selectStock } from './store.ts';
import { timers } from './timers.ts';

const now = 1_700_000_000_000;
const cause = { correlationId: 'corr', traceparent: '00-1-2-01' };
const logger = { warn: () => {} };
let fresh: FreshDatabase;
let database: Database;

beforeAll(async () => {
  fresh = await freshDatabase();
  database = new Database({ url: fresh.url, max: 4, name: 'test', logger });
  await migrate(database, [...runtimeMigrations, ...migrations]);
}, 60_000);
beforeEach(() => database.query({ text: 'TRUNCATE stock, reservations, events, outbox_pending' }));
afterAll(async () => {
  await database.close();
  await fresh.drop();
});

type Input = (world: World) => Decision<Change>;
const created =
  (orderId: string, quantities: Readonly<Record<string, number>>): Input =>
  (world) =>
    reserve(
      {
        orderId,
        customerId: 'c',
        currency: 'EUR',
        total: 1,
        lines: Object.entries(quantities).map(([sku, quantity]) => ({
          sku,
          quantity,
          unitPrice: 1,
        })),
      },
      'standard',
      world,
      now,
    );
const stocked =
  (sku: string, onHand: number): Input =>
  (world) => {
    const before = world.stock.get(sku);
    const set = setStock(sku, onHand, before);
    if ('refused' in set) throw new Error(set.refused);
    const change: Change = { kind: 'stock', isNew: before === undefined, stock: [set.delta] };
    const aggregateId = `sku:${sku}`;
    return { outcome: 'decided', aggregateId, lane: 'standard', version: 0, change, events: [] };
  };

/** One batch as the runtime runs it. */
async function batch(aggregateIds: string[], resources: string[], inputs: readonly Input[]) {
  return await database.transact(async (tx) => {
    const world = await model.load(tx, { aggregateIds: aggregateIds.sort(), resources });
    const changes: Change[] = [];
    const events = [];
    for (const input of inputs) {
      const decision = input(world);
      if (decision.outcome !== 'decided' || decision.change === undefined) continue;
      model.evolve(world, decision.change);
      changes.push(decision.change);
      events.push(...record(decision, cause, now));
    }
    return { result: world, finish: [...model.save(changes), appendEvents(events)] };
  });
}

const stockOf = async (sku: string) => (await database.query(selectStock(sku)))[0];
const load = (ids: string[], skus: string[]) => batch(ids, skus, []);

test('begins a SKU, sets it again and reads it back', async () => {
  await batch(['sku:a'], ['a'], [stocked('a', 10)]);
  await batch(['sku:a'], ['a'], [stocked('a', 7), stocked('a', 8)]);
  expect(await stockOf('a')).toEqual({ sku: 'a', available: 8, reserved: 0, sold: 0 });
  expect(await stockOf('b')).toBeUndefined();
});

test('sums the changes of a SKU over a batch, from its first stock on', async () => {
  const inputs = [
    stocked('a', 10),
    created('o1', { a: 2 }),
    created('o2', { a: 3 }),
    created('o3', { a: 6 }),
    (world: World) => commit('o1', world),
  ];
  const world = await batch(['o1', 'o2', 'o3', 'sku:a'], ['a'], inputs);
  expect(await stockOf('a')).toEqual({ sku: 'a', available: 5, reserved: 3, sold: 2 });
  expect(world.reservations.get('o3')?.status).toBe('REFUSED');
  expect((await load(['o1', 'o2', 'o3'], [])).reservations).toEqual(world.reservations);
});

test('loads and locks the stock of a reservation that an event does not name', async () => {
  await batch([], ['a', 'NULL'], [stocked('a', 9), stocked('NULL', 9)]);
  await batch(['o1'], ['NULL', 'a'], [created('o1', { a: 1, NULL: 4 })]);
  const world = await load(['o1'], []);
  expect([...world.stock.keys()]).toEqual(['NULL', 'a']);
  await batch(['o1'], [], [(each) => release('o1', 'hot', each)]);
  expect(await stockOf('NULL')).toEqual({ sku: 'NULL', available: 9, reserved: 0, sold: 0 });
  expect((await load(['o1'], [])).reservations.get('o1')).toMatchObject({
    status: 'RELEASED',
    version: 2,
    expiresAt: undefined,
  });
});

test('keeps a tombstone', async () => {
  const world = await batch(['o1'], [], [(each) => release('o1', 'hot', each)]);
  expect((await load(['o1'], [])).reservations).toEqual(world.reservations);
});

test('two requests that begin a SKU at the same time leave it as the later one says', async () => {
  const change = (onHand: number): Change => ({
    kind: 'stock',
    isNew: true,
    stock: [{ sku: 'a', available: onHand, reserved: 0, sold: 0 }],
  });
  for (const onHand of [10, 4]) {
    await database.transact(async () => ({ result: 0, finish: model.save([change(onHand)]) }));
  }
  expect(await stockOf('a')).toMatchObject({ available: 4 });
});

test('the database refuses what a mistake in the domain would do', async () => {
  await batch([], ['a'], [stocked('a', 1)]);
  const change: Change = {
    kind: 'stock',
    isNew: false,
    stock: [{ sku: 'a', available: -2, reserved: 2, sold: 0 }],
  };
  const saved = database.transact(async () => ({ result: 0, finish: model.save([change]) }));
  await expect(saved).rejects.toMatchObject({ code: '23514' });
});

test('replicas that sell the same SKUs in other orders do not deadlock', async () => {
  await batch([], ['a', 'b'], [stocked('a', 1_000), stocked('b', 1_000)]);
  const batches = Array.from({ length: 40 }, (_, index) => {
    const id = `o${index}`;
    const quantities = index % 2 === 0 ? { a: 1, b: 1 } : { b: 1, a: 1 };
    return batch([id], ['a', 'b'], [created(id, quantities)]).then(() =>
      batch([id], [], [(world) => commit(id, world)]),
    );
  });
  await Promise.all(batches);
  expect(await stockOf('a')).toMatchObject({ available: 960, reserved: 0, sold: 40 });
});

test('finds the holds that have ended, and who they were for', async () => {
  await batch([], ['a'], [stocked('a', 9)]);
  await batch(['o1', 'o2'], ['a'], [created('o1', { a: 1 }), created('o2', { a: 1 })]);
  await batch(['o2'], [], [(world) => extendHold('o2', world, now)]);
  const [timer] = timers;
  if (timer === undefined) throw new Error('no timer');
  expect(await database.query(timer.due(now + 1, 9))).toEqual([]);
  const later = now + 31 * 60_000;
  const [row, ...others] = await database.query(timer.due(later, 9));
  if (row === undefined) throw new Error('not due');
  expect(others).toEqual([]);
  const work = timer.work(row);
  expect(work).toMatchObject({ aggregateId: 'o1', cause });
  await batch(['o1'], [], [(world) => work.decide(world, later).decision]);
  expect(await database.query(timer.due(later, 9))).toEqual([]);
  expect(await stockOf('a')).toMatchObject({ available: 8, reserved: 1 });
});

test('does not look at the holds that last when it looks for those that have ended', async () => {
  const text = `
    WITH held AS (
      INSERT INTO reservations
      SELECT 'o' || n, 'standard', 1, 'HELD', '{a}', '{1}', '2100-01-01'
      FROM generate_series(1, 2000) AS n
    )
    INSERT INTO events
    SELECT 'o' || n, 1, 'inventory.reserved', 1, 'standard', '2000-01-01', 'c', NULL, 't', '{}'
    FROM generate_series(1, 2000) AS n`;
  await database.query({ text });
  const [timer] = timers;
  if (timer === undefined) throw new Error('no timer');
  expect(await blocksRead(timer.due(now, 500))).toBeLessThan(50);
  await database.query({ text: 'VACUUM ANALYZE' });
  expect(await blocksRead(timer.due(now, 500))).toBeLessThan(50);
});

async function blocksRead({ text, values }: Statement): Promise<number> {
  const explain = { text: `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${text}` };
  const [row] = await database.query<{ 'QUERY PLAN': { Plan: Record<string, number> }[] }>({
    ...explain,
    ...(values === undefined ? {} : { values }),
  });
  const { 'Shared Hit Blocks': hit = 0, 'Shared Read Blocks': read = 0 } =
    row?.['QUERY PLAN'][0]?.Plan ?? {};
  return hit + read;
}
