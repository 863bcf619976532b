import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { freshName, freshStore, type Store } from '../testing/rig.ts';
import { cause, recorded, type Tally, tallyEvents } from '../testing/tally.ts';
import { type Acceptance, type AcceptColumn, Acceptor } from './acceptor.ts';
import { bigintColumn, intColumn, textColumn } from './columns.ts';
import type { Database } from './pool.ts';

const events = tallyEvents(freshName('accept'));
let store: Store;
beforeAll(async () => {
  store = await freshStore();
}, 60_000);
afterAll(() => store.end());
beforeEach(() =>
  store.database.query({ text: 'TRUNCATE tallies, events, outbox_pending, idempotency' }),
);

const columns: readonly AcceptColumn<Tally>[] = [
  { name: 'id', type: 'text', encode: (rows) => textColumn(rows.map(({ entity }) => entity.id)) },
  { name: 'version', type: 'int', encode: (rows) => intColumn(rows.map(() => 1)) },
  {
    name: 'total',
    type: 'bigint',
    encode: (rows) => bigintColumn(rows.map(({ entity }) => entity.total)),
  },
  {
    name: 'note',
    type: 'text',
    encode: (rows) => textColumn(rows.map(({ entity }) => entity.note)),
  },
];

function given(database: Database = store.database) {
  const committed: string[] = [];
  const acceptor = new Acceptor<Tally>({
    database,
    table: 'tallies',
    columns,
    maxBatch: 64,
    committed: (accepted) => committed.push(...accepted.map(({ entity }) => entity.id)),
  });
  return { acceptor, committed };
}

let made = 0;
function acceptance(
  key: string,
  more: { fingerprint?: string; id?: string; note?: string } = {},
): Acceptance<Tally> {
  const { fingerprint = 'same', id = `tally-${made++}`, note = '' } = more;
  const [event] = recorded(events, id, 1);
  if (event === undefined) throw new Error('no event');
  return {
    entity: { id, version: 1, total: 1, note },
    event,
    cause,
    use: { scope: 'anonymous POST /tallies', key, fingerprint: Buffer.from(fingerprint) },
    reply: { status: 202, body: `{"id":"${id}"}`, location: `/tallies/${id}` },
  };
}

async function counts() {
  const text = `SELECT (SELECT count(*) FROM tallies) AS tallies,
      (SELECT count(*) FROM events) AS events,
      (SELECT count(*) FROM outbox_pending) AS pending,
      (SELECT count(*) FROM idempotency) AS keys`;
  const [row] = await store.database.query<Record<string, number>>({ text });
  return row;
}
const all = (count: number) => ({ tallies: count, events: count, pending: count, keys: count });

test('500 requests at once with keys of their own are all stored, each once', async () => {
  const { acceptor, committed } = given();
  const outcomes = await Promise.all(
    Array.from({ length: 500 }, (_, index) => acceptor.accept(acceptance(`key-${index}`))),
  );
  expect(outcomes.every(({ kind }) => kind === 'accepted')).toBe(true);
  expect(new Set(committed).size).toBe(500);
  expect(await counts()).toEqual(all(500));
});

test('a repeated key is given what is stored, with the fingerprint to compare', async () => {
  const { acceptor } = given();
  const first = acceptance('key', { fingerprint: 'one' });
  await acceptor.accept(first);
  for (const fingerprint of ['one', 'other']) {
    const outcome = await acceptor.accept(acceptance('key', { fingerprint }));
    expect(outcome).toEqual({ kind: 'used', used: { ...first.use, reply: first.reply } });
  }
  expect(await counts()).toEqual(all(1));
});

test('a batch with used and new keys stores the new ones and answers each', async () => {
  const { acceptor, committed } = given();
  await Promise.all(['a', 'c', 'e'].map((key) => acceptor.accept(acceptance(key))));
  committed.length = 0;
  const keys = ['a', 'b', 'c', 'd', 'e'];
  const outcomes = await Promise.all(keys.map((key) => acceptor.accept(acceptance(key))));
  expect(outcomes.map(({ kind }) => kind)).toEqual([
    'used',
    'accepted',
    'used',
    'accepted',
    'used',
  ]);
  expect(committed).toHaveLength(2);
  expect(await counts()).toEqual(all(5));
});

test('two replicas with the same keys never deadlock and store each key once', async () => {
  const replicas = [given(store.replica()), given(store.replica())];
  const keys = Array.from({ length: 300 }, (_, index) => `key-${index}`);
  const orders = [keys, [...keys].reverse()];
  const outcomes = await Promise.all(
    replicas.flatMap(({ acceptor }, replica) =>
      (orders[replica] ?? []).map((key) => acceptor.accept(acceptance(key))),
    ),
  );
  expect(outcomes.filter(({ kind }) => kind === 'accepted')).toHaveLength(300);
  expect(outcomes.filter(({ kind }) => kind === 'used')).toHaveLength(300);
  expect(replicas.flatMap(({ committed }) => committed)).toHaveLength(300);
  expect(await counts()).toEqual(all(300));
  const deadlocks = `SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()`;
  expect(await store.database.query({ text: deadlocks })).toEqual([{ deadlocks: 0 }]);
});

test('the same key twice in one batch is stored once, and the other is told so', async () => {
  const { acceptor } = given();
  const outcomes = await Promise.all(
    ['key', 'other', 'key'].map((key) => acceptor.accept(acceptance(key))),
  );
  expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['accepted', 'accepted', 'used']);
  expect(await counts()).toEqual(all(2));
});

test('a bad row fails alone, without an event, a pending row or a key', async () => {
  const { acceptor } = given();
  const notes = ['a', 'b', 'bad\0', 'd', 'e'];
  const outcomes = await Promise.allSettled(
    notes.map((note) => acceptor.accept(acceptance(`key-${note}`, { note }))),
  );
  expect(outcomes.map(({ status }) => status === 'fulfilled')).toEqual([
    ...[true, true, false, true, true],
  ]);
  expect(await counts()).toEqual(all(4));
});

test('an aggregate id that is taken is refused and its key stays free', async () => {
  const { acceptor } = given();
  await acceptor.accept(acceptance('one', { id: 'taken' }));
  await expect(acceptor.accept(acceptance('two', { id: 'taken' }))).rejects.toMatchObject({
    code: '23505',
  });
  expect(await acceptor.accept(acceptance('two'))).toEqual({ kind: 'accepted' });
  expect(await counts()).toEqual(all(2));
});
