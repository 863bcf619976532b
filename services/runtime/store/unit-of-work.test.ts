import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { NewEffect } from '../decision.ts';
import { orphan, stale } from '../decision.ts';
import { event } from '../event.ts';
import { freshName, freshStore, type Store } from '../testing/rig.ts';
import { add, cause, type Tallies, type Tally, tallyEvents, tallyModel } from '../testing/tally.ts';
import { BatchWriter, writeBisected } from './batch-writer.ts';
import { claimDue } from './effects.ts';
import type { Database } from './pool.ts';
import { type Committed, UnitOfWork, type Verdict, type Work } from './unit-of-work.ts';

type Input = Work<Tallies, Tally>;
const events = tallyEvents(freshName('unit'));
const source = events.added.type.slice(0, events.added.type.indexOf('.'));
let store: Store;
beforeAll(async () => {
  store = await freshStore();
}, 60_000);
afterAll(() => store.end());
beforeEach(() =>
  store.database.query({
    text: 'TRUNCATE tallies, events, outbox_pending, inbox, idempotency, effects, positions',
  }),
);

function given(options: { database?: Database; capacity?: number } = {}) {
  const committed: Committed<Tally>[] = [];
  const { database = store.database, capacity = 0 } = options;
  const unit = new UnitOfWork<Tallies, Tally>({
    database,
    model: {
      ...tallyModel,
      settled: (_, { id, note }) =>
        note === 'settled' ? { id, status: 'FULL', acceptedAt: 1 } : undefined,
    },
    consumer: 'test',
    now: Date.now,
    effectCapacity: () => capacity,
    committed: (each) => committed.push(each),
  });
  const verdicts = async (...works: Input[]) =>
    (await writeBisected(works, unit.run)).map((each) =>
      each.status === 'fulfilled' ? each.value.kind : 'rejected',
    );
  return { unit, committed, verdicts };
}

/** Adds 1 to a tally for an event of the inbox. */
function received(inboxId: string, id: string, more: Partial<Input> = {}): Input {
  const decide: Input['decide'] = (world) => ({
    decision: add(world, id, 1, { events: [event(events.added, { tallyId: id, amount: 1 })] }),
  });
  return { aggregateId: id, cause, inboxId, decide, ...more };
}
const throws: Input['decide'] = () => {
  throw new Error('cannot decide');
};

const totals = async () =>
  Object.fromEntries(
    (await store.database.query<Tally>({ text: 'SELECT id, total FROM tallies ORDER BY id' })).map(
      ({ id, total }) => [id, total],
    ),
  );
const versions = async (id: string) =>
  (
    await store.database.query<{ version: number }>({
      text: 'SELECT version FROM events WHERE aggregate_id = $1 ORDER BY version',
      values: [id],
    })
  ).map((row) => row.version);
const inbox = async () =>
  (
    await store.database.query<{ id: string }>({
      text: 'SELECT logical_id AS id FROM inbox ORDER BY logical_id',
    })
  ).map((row) => row.id);
const pendingRows = async () =>
  (await store.database.query({ text: 'SELECT 1 FROM outbox_pending' })).length;

describe('an event', () => {
  test('takes effect once when its copies are in one batch', async () => {
    const { verdicts } = given();
    expect(await verdicts(received('e1', 'a'), received('e1', 'a'), received('e2', 'a'))).toEqual([
      ...['decided', 'duplicate', 'decided'],
    ]);
    expect(await totals()).toEqual({ a: 2 });
  });

  test('takes effect once when its copy comes in a later batch', async () => {
    const { verdicts } = given();
    await verdicts(received('e1', 'a'));
    expect(await verdicts(received('e1', 'a'), received('e2', 'b'))).toEqual([
      ...['duplicate', 'decided'],
    ]);
    expect(await totals()).toEqual({ a: 1, b: 1 });
  });

  test('takes effect once when two replicas have it at the same time', async () => {
    const replicas = [given(), given({ database: store.replica() })];
    const ids = Array.from({ length: 60 }, (_, index) => `e${index}`);
    const outcomes = await Promise.all(
      replicas.map(({ verdicts }, index) =>
        verdicts(
          ...(index === 0 ? ids : [...ids].reverse()).map((id) => received(id, `t${id.at(-1)}`)),
        ),
      ),
    );
    expect(outcomes.flat().filter((kind) => kind === 'decided')).toHaveLength(60);
    expect(outcomes.flat().filter((kind) => kind === 'duplicate')).toHaveLength(60);
    expect(Object.values(await totals())).toEqual(Array.from({ length: 10 }, () => 6));
  });

  test('that cannot be decided leaves no trace, and the others commit', async () => {
    const { verdicts, committed } = given();
    const bad = received('bad', 'a', { decide: throws });
    expect(await verdicts(received('e1', 'a'), bad, received('e2', 'a'))).toEqual([
      ...['decided', 'rejected', 'decided'],
    ]);
    expect(await totals()).toEqual({ a: 2 });
    expect(await versions('a')).toEqual([1, 2]);
    expect(await inbox()).toEqual(['e1', 'e2']);
    expect(committed.flatMap((each) => each.events)).toHaveLength(2);
  });

  test('whose row PostgreSQL refuses leaves no trace, and the others commit', async () => {
    const { verdicts } = given();
    const decide: Input['decide'] = (world) => ({ decision: add(world, 'b', -1) });
    const bad = received('bad', 'b', { decide });
    expect(await verdicts(received('e1', 'a'), bad, received('e2', 'c'))).toEqual([
      ...['decided', 'rejected', 'decided'],
    ]);
    expect(await totals()).toEqual({ a: 1, c: 1 });
    expect(await inbox()).toEqual(['e1', 'e2']);
  });

  test('that names another aggregate than its decision is refused without a trace', async () => {
    const { verdicts } = given();
    const decide: Input['decide'] = (world) => ({
      decision: add(world, 'a', 1, { events: [event(events.added, { tallyId: 'b', amount: 1 })] }),
    });
    expect(await verdicts(received('e1', 'a', { decide }))).toEqual(['rejected']);
    expect(await totals()).toEqual({});
    expect(await inbox()).toEqual([]);
  });

  test('of an unknown aggregate may come again', async () => {
    const { verdicts } = given();
    const work = received('e1', 'a', { decide: () => ({ decision: orphan }) });
    expect(await verdicts(work)).toEqual(['orphan']);
    expect(await inbox()).toEqual([]);
    expect(await verdicts(received('e1', 'a'))).toEqual(['decided']);
  });

  test('without effect is remembered', async () => {
    const { verdicts } = given();
    const work = received('e1', 'a', { decide: () => ({ decision: stale }) });
    expect(await verdicts(work)).toEqual(['stale']);
    expect(await verdicts(received('e1', 'a'))).toEqual(['duplicate']);
  });
});

describe('events that are recorded', () => {
  test('have versions without gaps, over batches and replicas, and each is pending', async () => {
    const replicas = [given(), given({ database: store.replica() })];
    await Promise.all(
      replicas.flatMap(({ verdicts }, replica) =>
        [0, 1, 2, 3].map((batch) =>
          verdicts(...[0, 1, 2].map((n) => received(`e${replica}${batch}${n}`, 'a'))),
        ),
      ),
    );
    expect(await versions('a')).toEqual(Array.from({ length: 24 }, (_, index) => index + 1));
    expect(await pendingRows()).toBe(24);
    expect(await totals()).toEqual({ a: 24 });
  });

  test('are handed over after the commit with the settled aggregates', async () => {
    const { verdicts, committed } = given();
    const decide: Input['decide'] = (world) => ({
      decision: add(world, 'a', 1, {
        note: 'settled',
        events: [
          event(events.added, { tallyId: 'a', amount: 1 }),
          event(events.counted, { tallyId: 'a', amount: 1 }, { lane: 'hot' }),
        ],
      }),
    });
    await verdicts(received('e1', 'a', { decide }));
    expect(committed).toHaveLength(1);
    expect(committed[0]?.events).toMatchObject([
      { id: `${source}.a.1`, lane: 'standard', sequence: 1, correlationId: 'correlation' },
      { id: `${source}.a.2`, lane: 'hot', sequence: 2 },
    ]);
    expect(committed[0]?.settled).toEqual([{ id: 'a', status: 'FULL', acceptedAt: 1, cause }]);
  });

  test('are none when the transaction fails', async () => {
    const { verdicts, committed } = given();
    const decide: Input['decide'] = (world) => ({ decision: add(world, 'a', -1) });
    expect(await verdicts(received('e1', 'a', { decide }))).toEqual(['rejected']);
    expect(committed).toEqual([]);
  });
});

describe('the place of an event in its aggregate', () => {
  const at = (sequence: number, ordering: 'monotonic' | 'contiguous', id = 'a') =>
    received(`${id}.${sequence}`, id, { place: { source, aggregateId: id, sequence, ordering } });

  test.each([
    ['monotonic: what is older than what was applied is dropped', 'monotonic', [1, 3, 2, 5, 4]],
    ['contiguous: what comes before its turn is refused', 'contiguous', [1, 3, 2, 4]],
  ] as const)('%s', async (_rule, ordering, sequences) => {
    const { verdicts } = given();
    const expected =
      ordering === 'monotonic'
        ? ['decided', 'decided', 'stale', 'decided', 'stale']
        : ['decided', 'gap', 'decided', 'gap'];
    expect(await verdicts(...sequences.map((sequence) => at(sequence, ordering)))).toEqual(
      expected,
    );
    await store.database.query({ text: 'TRUNCATE inbox, positions' });
    const single = [];
    for (const sequence of sequences) single.push(...(await verdicts(at(sequence, ordering))));
    expect(single).toEqual(expected);
  });

  test('an event that was refused for a gap is applied when the gap is closed', async () => {
    const { verdicts } = given();
    expect(await verdicts(at(2, 'contiguous'))).toEqual(['gap']);
    expect(await inbox()).toEqual([]);
    expect(await verdicts(at(1, 'contiguous'), at(2, 'contiguous'))).toEqual([
      ...['decided', 'decided'],
    ]);
    expect(await verdicts(at(1, 'contiguous'))).toEqual(['duplicate']);
  });

  test('an event that failed holds back the ones after it', async () => {
    const { verdicts } = given();
    const failing = { ...at(1, 'contiguous'), decide: throws };
    expect(await verdicts(failing, at(2, 'contiguous'))).toEqual(['rejected', 'gap']);
    expect(await verdicts(at(1, 'contiguous'), at(2, 'contiguous'))).toEqual([
      ...['decided', 'decided'],
    ]);
  });

  test('two replicas with the events of one aggregate apply each once and in order', async () => {
    const replicas = [given(), given({ database: store.replica() })];
    const left = new Set(Array.from({ length: 20 }, (_, index) => index + 1));
    for (let round = 0; left.size > 0 && round < 40; round++) {
      await Promise.all(
        replicas.map(async ({ verdicts }, replica) => {
          const mine = [...left].filter((sequence) => sequence % 2 === replica);
          const kinds = await verdicts(...mine.map((sequence) => at(sequence, 'contiguous')));
          mine.forEach((sequence, index) => {
            if (kinds[index] === 'decided') left.delete(sequence);
          });
        }),
      );
    }
    expect(left.size).toBe(0);
    expect(await totals()).toEqual({ a: 20 });
  });
});

describe('a command with a key', () => {
  const command = (key: string, id: string, fingerprint = 'f'): Input => ({
    aggregateId: id,
    cause,
    use: { scope: 'anonymous POST /add', key, fingerprint: Buffer.from(fingerprint) },
    decide: (world) => ({
      decision: add(world, id, 1),
      reply: { status: 200, body: `{"total":${(world.get(id)?.total ?? 0) + 1}}` },
    }),
  });
  const reply = (body: string) => ({ used: { reply: { status: 200, body } } });

  test('is decided once and its answer is given again', async () => {
    const { unit } = given();
    await unit.run([command('k', 'a')]);
    const [again] = await unit.run([command('k', 'a', 'other')]);
    expect(again).toMatchObject({ value: { kind: 'used', ...reply('{"total":1}') } });
    expect(await totals()).toEqual({ a: 1 });
  });

  test('is decided once when the key comes twice in one batch', async () => {
    const { verdicts } = given();
    const kinds = await verdicts(command('k', 'a'), command('l', 'a'), command('k', 'a'));
    expect(kinds).toEqual(['decided', 'decided', 'used']);
    expect(await totals()).toEqual({ a: 2 });
  });

  test.each(['one aggregate', 'different ones, as when a refusal locks no row'])(
    'is decided once when two replicas have the key at the same time, for %s',
    async (of) => {
      const writers = [given().unit, given({ database: store.replica() }).unit].map(
        (unit) =>
          new BatchWriter<Input, Verdict>({ write: unit.run, maxBatch: 10, concurrency: 1 }),
      );
      for (let round = 0; round < 30; round++) {
        const outcomes = await Promise.all(
          writers.map((writer, index) =>
            writer.submit(command(`k${round}`, of === 'one aggregate' ? 'a' : `a${index}`)),
          ),
        );
        expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['decided', 'used']);
      }
      const sum = Object.values(await totals()).reduce((total, each) => total + each, 0);
      expect(sum).toBe(30);
    },
  );

  test('of a decision that fails stays free', async () => {
    const { verdicts } = given();
    expect(await verdicts({ ...command('k', 'a'), decide: throws })).toEqual(['rejected']);
    expect(await verdicts(command('k', 'a'))).toEqual(['decided']);
  });
});

describe('an effect', () => {
  const effect = (id: string, more: Partial<NewEffect> = {}): NewEffect => ({
    ...{ id, kind: 'call', payload: { n: 1 }, ...more },
  });
  const wanting = (inboxId: string, ...effects: NewEffect[]): Input =>
    received(inboxId, 'a', {
      decide: (world) => ({ decision: add(world, 'a', 1, { effects }) }),
    });
  const rows = () => store.database.query({ text: 'SELECT id, attempts FROM effects ORDER BY id' });

  test('is claimed from the start as far as there is room, unless it is for later', async () => {
    const { verdicts, committed } = given({ capacity: 2 });
    const later = effect('e0', { notBefore: Date.now() + 60_000 });
    await verdicts(wanting('i', later, effect('e1'), effect('e2'), effect('e3')));
    expect(committed[0]?.claimed.map(({ id }) => id)).toEqual(['e1', 'e2']);
    expect(committed[0]?.unclaimed).toBe(2);
    expect(await rows()).toEqual(
      [0, 1, 1, 0].map((attempts, index) => ({ id: `e${index}`, attempts })),
    );
    expect((await claimDue(store.database, 10, Date.now())).map(({ id }) => id)).toEqual(['e3']);
  });

  test('that exists already is not claimed a second time', async () => {
    const { verdicts, committed } = given({ capacity: 2 });
    await verdicts(wanting('i1', effect('e')));
    await verdicts(wanting('i2', effect('e')));
    expect(committed.flatMap((each) => each.claimed.map(({ id }) => id))).toEqual(['e']);
  });

  test('is ended or put back with its result, but only by who holds the claim', async () => {
    const { verdicts } = given();
    await verdicts(wanting('i', effect('e1'), effect('e2')));
    const claimed = await claimDue(store.database, 10, Date.now());
    const result = (index: number, fate: 'done' | 'retry', attempts = 1): Input => ({
      aggregateId: 'a',
      cause,
      claim: { id: claimed[index]?.id ?? '', attempts },
      decide: (world) => ({
        decision: add(world, 'a', 10),
        fate: fate === 'done' ? { next: 'done' } : { next: 'retry', at: Date.now() - 1 },
      }),
    });
    expect(await verdicts(result(0, 'done', 2), result(1, 'retry', 0))).toEqual([
      ...['fenced', 'fenced'],
    ]);
    expect(await totals()).toEqual({ a: 1 });
    expect(await verdicts(result(0, 'done'), result(1, 'retry'))).toEqual(['decided', 'decided']);
    expect(await totals()).toEqual({ a: 21 });
    const again = await claimDue(store.database, 10, Date.now());
    expect(again.map(({ id, attempts }) => ({ id, attempts }))).toEqual([
      { id: claimed[1]?.id, attempts: 1 },
    ]);
    expect(await verdicts(result(1, 'done'))).toEqual(['fenced']);
  });

  test('gives its result once, also when a claim is settled twice in one batch', async () => {
    const { verdicts } = given();
    await verdicts(wanting('i', effect('e1')));
    const [claimed] = await claimDue(store.database, 10, Date.now());
    const settle: Input = {
      aggregateId: 'a',
      cause,
      claim: claimed?.claim ?? { id: '', attempts: 0 },
      decide: (world) => ({ decision: add(world, 'a', 10) }),
    };
    expect(await verdicts(settle, settle)).toEqual(['decided', 'fenced']);
    expect(await totals()).toEqual({ a: 11 });
  });
});
