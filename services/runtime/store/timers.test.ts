import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { stale } from '../decision.ts';
import { event } from '../event.ts';
import { freshName, freshStore, listening, type Store } from '../testing/rig.ts';
import { cause, type Tallies, type Tally, tallyEvents, tallyModel } from '../testing/tally.ts';
import { until } from '../testing/until.ts';
import { type Timer, Timers, type TimersOptions } from './timers.ts';
import { UnitOfWork, type Work } from './unit-of-work.ts';

const events = tallyEvents(freshName('timers'));
const now = 1_000_000;
let store: Store;
let running: Timers<Tallies, Tally>[] = [];
beforeAll(async () => {
  store = await freshStore();
}, 60_000);
afterAll(() => store.end());
beforeEach(() => store.database.query({ text: 'TRUNCATE tallies, events, outbox_pending' }));
afterEach(async () => {
  await Promise.all(running.map((timers) => timers.stop()));
  running = [];
});

/** A tally with the note `waiting` has a deadline: its total. */
async function insert(...deadlines: readonly (readonly [id: string, at: number])[]): Promise<void> {
  const text = `INSERT INTO tallies SELECT id, 0, at, 'waiting'
                FROM unnest($1::text[], $2::bigint[]) AS d(id, at)`;
  const values = [deadlines.map(([id]) => id), deadlines.map(([, at]) => at)];
  await store.database.query({ text, values });
}

/** What a deadline does when it is reached: the tally is noted as fired, with an event. */
function fire(id: string): Work<Tallies, Tally> {
  return {
    aggregateId: id,
    cause,
    decide(tallies) {
      const tally = tallies.get(id);
      if (tally?.note !== 'waiting' || tally.total > now) return { decision: stale };
      const version = tally.version + 1;
      return {
        decision: {
          outcome: 'decided',
          aggregateId: id,
          lane: 'standard',
          version,
          change: { ...tally, version, note: 'fired' },
          events: [event(events.counted, { tallyId: id, amount: 1 })],
        },
      };
    },
  };
}

interface Options extends Partial<Pick<TimersOptions<Tallies, Tally>, 'intervalMs'>> {
  readonly handledUpTo?: (stream: string) => Promise<number>;
  readonly timers?: readonly Partial<Timer<Tallies, Tally>>[];
}

/** A replica that looks for deadlines every few milliseconds. */
function given(options: Options = {}) {
  const { handledUpTo = async () => now, timers = [{}], intervalMs = 20 } = options;
  const database = store.replica();
  /** The deadlines of each transaction, and of each look-up its bound and what came before. */
  const fired: string[][] = [];
  const looks: { limit: number; transactions: number }[] = [];
  const logger = listening();
  const unitOfWork = new UnitOfWork<Tallies, Tally>({
    database,
    model: tallyModel,
    consumer: 'test',
    now: () => now,
    effectCapacity: () => 0,
    committed: ({ changes }) => {
      if (changes.length > 0) fired.push(changes.map(({ id }) => id));
    },
  });
  const started = new Timers<Tallies, Tally>({
    database,
    unitOfWork,
    timers: timers.map((timer, index) => ({
      name: `timer-${index}`,
      answeredOn: ['ANSWERS'],
      due(before, limit) {
        looks.push({ limit, transactions: fired.length });
        return {
          text: `SELECT id FROM tallies WHERE note = 'waiting' AND total <= $1
                 ORDER BY total, id LIMIT $2 FOR UPDATE SKIP LOCKED`,
          values: [before, limit],
        };
      },
      work: (row) => fire(String(row.id)),
      ...timer,
    })),
    handledUpTo,
    logger,
    now: () => now,
    intervalMs,
  });
  running.push(started);
  started.start();
  /** Some rounds in which a wrong deadline would have fired. */
  const rounds = async (count = 3) => {
    const from = looks.length;
    await until(() => looks.length >= from + 2 * count);
  };
  return { timers: started, fired, looks, logger, rounds };
}

const notes = async () =>
  Object.fromEntries(
    (await store.database.query<Tally>({ text: 'SELECT id, note FROM tallies ORDER BY id' })).map(
      ({ id, note }) => [id, note],
    ),
  );
const waiting = async () =>
  (await store.database.query({ text: `SELECT 1 FROM tallies WHERE note = 'waiting'` })).length;
const recorded = async () =>
  (
    await store.database.query<{ id: string }>({
      text: 'SELECT aggregate_id AS id FROM events ORDER BY aggregate_id',
    })
  ).map(({ id }) => id);

describe('a deadline', () => {
  test('that has passed fires once, the oldest first, and one to come does not', async () => {
    await insert(['c', now - 3], ['a', now - 1], ['b', now - 2], ['z', now + 1], ['y', now]);
    const { fired, rounds } = given();
    await until(async () => (await waiting()) === 1);
    await rounds();
    expect(fired).toEqual([['c', 'b', 'a', 'y']]);
    expect(await recorded()).toEqual(['a', 'b', 'c', 'y']);
    expect(await notes()).toMatchObject({ z: 'waiting' });
  });

  test('fires once when two replicas find it at the same time', async () => {
    const ids = Array.from({ length: 300 }, (_, index) => `t-${1_000 + index}`);
    await insert(...ids.map((id) => [id, now - 1] as const));
    // At 400 ms each replica takes up to 200 in one round.
    const replicas = [given({ intervalMs: 400 }), given({ intervalMs: 400 })];
    await until(async () => (await waiting()) === 0);
    await Promise.all(replicas.map(({ timers }) => timers.stop()));
    expect(replicas.flatMap(({ fired }) => fired.flat()).sort()).toEqual(ids);
    expect(await recorded()).toEqual(ids);
    expect(replicas.flatMap(({ logger }) => logger.lines)).toEqual([]);
  });

  test('that was moved after it was found is checked again and does not fire', async () => {
    await insert(['a', now - 1], ['b', now - 1]);
    let moved = false;
    const { fired } = given({
      async handledUpTo() {
        // Between the look-up and the transaction that fires.
        const text = `UPDATE tallies SET total = $1 WHERE id = 'a'`;
        if (!moved) await store.database.query({ text, values: [now + 1] });
        moved = true;
        return now;
      },
    });
    await until(() => fired.length > 0);
    expect(fired).toEqual([['b']]);
    expect(await notes()).toEqual({ a: 'waiting', b: 'fired' });
  });

  test('that cannot be applied is logged, holds up no other and is tried again', async () => {
    await insert(['a', now - 2], ['bad', now - 1], ['z', now]);
    let isBroken = true;
    const { logger, fired } = given({
      timers: [
        {
          work(row) {
            const work = fire(String(row.id));
            const decide: typeof work.decide = (...given) => {
              if (row.id === 'bad' && isBroken) throw new Error('cannot decide');
              return work.decide(...given);
            };
            return { ...work, decide };
          },
        },
      ],
    });
    await until(() => logger.lines.length >= 2);
    expect(fired).toEqual([['a', 'z']]);
    expect(logger.lines[0]).toMatchObject({
      level: 'warn',
      fields: { err: { message: 'cannot decide' } },
      text: 'a deadline could not be applied',
    });
    isBroken = false;
    await until(async () => (await waiting()) === 0);
  });
});

describe('answers that may be waiting', () => {
  test('hold back the deadlines after the last moment that every stream was handled to', async () => {
    await insert(['a', now - 100], ['b', now - 50], ['c', now - 49], ['d', now]);
    const handled: Record<string, number> = { ORDERS: now - 10, PAYMENTS: now - 50 };
    const { fired, rounds } = given({
      timers: [{ answeredOn: ['ORDERS', 'PAYMENTS'] }],
      handledUpTo: async (stream) => handled[stream] ?? 0,
    });
    await until(() => fired.length > 0);
    await rounds();
    expect(fired).toEqual([['a', 'b']]);
    handled.PAYMENTS = now;
    await until(async () => (await waiting()) === 1);
    expect(await notes()).toMatchObject({ c: 'fired', d: 'waiting' });
    handled.ORDERS = now + 5;
    await until(async () => (await waiting()) === 0);
  });

  test('hold back everything while nobody can say how far they were handled', async () => {
    await insert(['a', now - 1_000]);
    let isDown = true;
    const { fired, logger } = given({
      async handledUpTo() {
        if (isDown) throw new Error('no answer from the broker');
        return now;
      },
    });
    await until(() => logger.lines.length >= 3);
    expect(fired).toEqual([]);
    expect(logger.lines[0]).toMatchObject({
      fields: { timer: 'timer-0' },
      text: 'deadlines did not fire',
    });
    isDown = false;
    await until(() => fired.length === 1);
  });

  test('are not asked for while nothing is due', async () => {
    await insert(['a', now + 1]);
    const asked: string[] = [];
    const { looks } = given({
      async handledUpTo(stream) {
        asked.push(stream);
        return now;
      },
    });
    await until(() => looks.length >= 3);
    expect(asked).toEqual([]);
  });

  test('do not matter to a timer whose deadline nothing answers', async () => {
    await insert(['a', now]);
    const { fired } = given({ timers: [{ answeredOn: [] }], handledUpTo: async () => 0 });
    await until(() => fired.length === 1);
  });
});

describe('a backlog', () => {
  test('is fired at 500 in a second, the oldest first', async () => {
    const ids = Array.from({ length: 50 }, (_, index) => `t-${100 + index}`);
    await insert(...ids.map((id, index) => [id, now - 100 + index] as const));
    const { fired, looks } = given({ intervalMs: 20 });
    await until(async () => (await waiting()) === 0);
    expect(new Set(looks.map(({ limit }) => limit))).toEqual(new Set([10]));
    expect(fired.map(({ length }) => length)).toEqual([10, 10, 10, 10, 10]);
    expect(fired.flat()).toEqual(ids);
  });

  test('is fired in transactions of at most a hundred', async () => {
    const ids = Array.from({ length: 150 }, (_, index) => `t-${100 + index}`);
    await insert(...ids.map((id) => [id, now - 1] as const));
    const { fired, looks } = given({ intervalMs: 300 });
    await until(() => looks.length >= 2);
    expect(fired.map(({ length }) => length)).toEqual([100, 50]);
    // Both belong to the first look-up.
    expect(looks[1]?.transactions).toBe(2);
  });
});

describe('a timer', () => {
  test('whose look-up fails is logged and does not keep the others from firing', async () => {
    await insert(['a', now]);
    const { fired, logger } = given({
      timers: [{ name: 'broken', due: () => ({ text: 'SELECT nonsense' }) }, {}],
    });
    await until(() => fired.length === 1);
    expect(logger.lines[0]).toMatchObject({ level: 'warn', fields: { timer: 'broken' } });
  });

  test('whose database is away is tried again without a word', async () => {
    await insert(['a', now]);
    let failures = 0;
    const { fired, logger } = given({
      async handledUpTo() {
        failures += 1;
        if (failures > 3) return now;
        throw Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });
      },
    });
    await until(() => fired.length === 1);
    expect(failures).toBe(4);
    expect(logger.lines).toEqual([]);
  });
});

describe('stopping', () => {
  test('waits for the round under way and begins no other', async () => {
    await insert(['a', now]);
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    let isAsked = false;
    const { timers, fired, looks } = given({
      async handledUpTo() {
        isAsked = true;
        await released;
        return now;
      },
      timers: [{}, {}],
    });
    await until(() => isAsked);
    const stopped = timers.stop().then(() => fired.flat());
    release();
    expect(await stopped).toEqual(['a']);
    expect(looks).toHaveLength(1);
  });

  test('does not wait for the next round, and a process without timers has none', async () => {
    const { timers, looks } = given({ intervalMs: 3_600_000 });
    await timers.stop();
    expect(looks).toEqual([]);
    await given({ timers: [] }).timers.stop();
  });
});
