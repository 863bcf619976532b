import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { type ClaimedEffect, defineEffect } from '../effect.ts';
import { Breaker } from '../failure/breaker.ts';
import { freshStore, listening, type Store } from '../testing/rig.ts';
import { add, cause, type Tallies, type Tally, tallyModel } from '../testing/tally.ts';
import { until } from '../testing/until.ts';
import { EffectRunner } from './effect-runner.ts';
import { claimDue } from './effects.ts';
import { type Committed, UnitOfWork } from './unit-of-work.ts';

let store: Store;
let runners: EffectRunner<Tallies, Tally>[] = [];
beforeAll(async () => {
  store = await freshStore();
}, 60_000);
afterAll(() => store.end());
beforeEach(() => store.database.query({ text: 'TRUNCATE tallies, effects' }));
afterEach(async () => {
  await Promise.all(runners.map((runner) => runner.drain()));
  runners = [];
});

/** A replica that adds 1 to a tally for each call that was answered. */
function given(
  perform: (effect: ClaimedEffect<{ tally: string }>, signal: AbortSignal) => Promise<string>,
  options: { retryAt?: () => number; breaker?: Breaker } = {},
) {
  const calls: { id: string; attempts: number }[] = [];
  const due: number[] = [];
  const logger = listening();
  const handler = defineEffect<Tallies, Tally, { tally: string }, string>({
    perform(effect, signal) {
      calls.push({ id: effect.id, attempts: effect.attempts });
      return perform(effect, signal);
    },
    settle: (effect, result, world) => ({
      decision: add(world, effect.payload.tally, 1),
      fate:
        result === 'unknown' ? { next: 'retry', at: options.retryAt?.() ?? 0 } : { next: 'done' },
    }),
    isFailure: (result) => result === 'failed',
  });
  const database = store.replica();
  const unitOfWork: UnitOfWork<Tallies, Tally> = new UnitOfWork({
    database,
    model: tallyModel,
    consumer: 'test',
    now: Date.now,
    effectCapacity: () => runner.capacity(),
    committed: ({ claimed, unclaimed }: Committed<Tally>) => runner.offer(claimed, unclaimed),
  });
  const runner = new EffectRunner<Tallies, Tally>({
    database,
    unitOfWork,
    handlers: { call: handler },
    breaker: options.breaker ?? new Breaker({ slowMs: 60_000 }),
    callTimeoutMs: 5_000,
    logger,
    onCall: () => undefined,
    onDue: (count) => due.push(count),
    sweepMs: 20,
  });
  runners.push(runner);
  const want = async (count: number, tally = 'a') => {
    const effects = Array.from({ length: count }, (_, index) => ({
      id: `${tally}-${index}`,
      kind: 'call',
      payload: { tally },
    }));
    await unitOfWork.run([
      {
        aggregateId: tally,
        cause,
        decide: (world) => ({ decision: add(world, tally, 0, { effects }) }),
      },
    ]);
  };
  return { runner, calls, due, want, logger };
}

const rows = () =>
  store.database.query<{ id: string; attempts: number }>({
    text: 'SELECT id, attempts FROM effects ORDER BY id',
  });
const total = async (tally = 'a') => {
  const text = 'SELECT total FROM tallies WHERE id = $1';
  const [row] = await store.database.query<{ total: number }>({ text, values: [tally] });
  return row?.total;
};
const endClaims = () =>
  store.database.query({ text: `UPDATE effects SET due_at = now() - interval '1 s'` });
const insert = (count: number) =>
  store.database.query({
    // Its microseconds would make it due later than a clock of milliseconds says.
    text: `INSERT INTO effects
           SELECT 'a-' || n, 'call', 'a', '{"tally":"a"}', 0, date_trunc('second', now()), now(),
             'standard', 'c', NULL, 't' FROM generate_series(0, $1::int - 1) n`,
    values: [count],
  });

test('an effect is carried out once, at once, and is gone with its result', async () => {
  const { calls, want } = given(async () => 'done');
  await want(1);
  await until(async () => (await total()) === 1);
  expect(await rows()).toEqual([]);
  expect(calls).toEqual([{ id: 'a-0', attempts: 0 }]);
});

test('a backlog above what a process takes at once is worked off, each effect once', async () => {
  const { runner, calls, want } = given(async () => 'done');
  runner.start();
  await want(1_500);
  await until('the end of the backlog', async () => (await rows()).length === 0, {
    withinMs: 20_000,
  });
  expect(await total()).toBe(1_500);
  expect(new Set(calls.map(({ id }) => id)).size).toBe(1_500);
  expect(calls).toHaveLength(1_500);
}, 30_000);

test('at most 64 calls run at the same time', async () => {
  let running = 0;
  let most = 0;
  const { runner, want } = given(async () => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setTimeout(resolve, 5));
    running -= 1;
    return 'done';
  });
  runner.start();
  await want(300);
  await until(async () => (await rows()).length === 0);
  expect(most).toBe(64);
});

test('two replicas share a backlog and carry out each effect once', async () => {
  const replicas = [given(async () => 'done'), given(async () => 'done')];
  await Promise.all(replicas.map(({ want }, index) => want(400, `t${index}`)));
  for (const { runner } of replicas) runner.start();
  await until(async () => (await rows()).length === 0);
  expect(replicas.flatMap(({ calls }) => calls)).toHaveLength(800);
  expect([await total('t0'), await total('t1')]).toEqual([400, 400]);
});

test('an effect whose process died in the call is done by another, which knows of it', async () => {
  await insert(2);
  // Claimed by a process of which nothing more is heard.
  expect(await claimDue(store.database, 10, Date.now())).toHaveLength(2);
  await endClaims();
  const other = given(async () => 'done');
  other.runner.start();
  await until(async () => (await rows()).length === 0);
  expect(other.calls.map(({ id }) => id).sort()).toEqual(['a-0', 'a-1']);
  expect(other.calls.every(({ attempts }) => attempts === 1)).toBe(true);
  expect(await total()).toBe(2);
});

test('a result that comes after the claim was lost is dropped', async () => {
  let answer: (result: string) => void = () => undefined;
  const slow = given(() => new Promise((resolve) => (answer = resolve)));
  await slow.want(1);
  await until(() => slow.calls.length === 1);
  await endClaims();
  await claimDue(store.database, 1, Date.now());
  answer('done');
  await slow.runner.drain();
  expect(await total()).toBe(0);
  expect(await rows()).toEqual([{ id: 'a-0', attempts: 2 }]);
});

test('a call that could not be begun is made again and does not count', async () => {
  let failures = 0;
  const { runner, calls, want } = given(async () => {
    failures += 1;
    if (failures === 1) throw new Error('connection refused');
    return 'done';
  });
  runner.start();
  await want(1);
  await until(() => failures === 1);
  await until(async () => (await rows())[0]?.attempts === 0);
  await endClaims();
  await until(async () => (await total()) === 1);
  expect(calls.map(({ attempts }) => attempts)).toEqual([0, 0]);
});

test('an unknown outcome is settled and looked up later, knowing of the first call', async () => {
  const results = ['unknown', 'done'];
  const { runner, calls, want } = given(async () => results.shift() ?? 'done', {
    retryAt: () => Date.now() + 30,
  });
  runner.start();
  await want(1);
  await until(async () => (await total()) === 2);
  expect(calls.map(({ attempts }) => attempts)).toEqual([0, 1]);
  expect(await rows()).toEqual([]);
});

test('while the breaker is open nothing is claimed or called, and all is done after it', async () => {
  const breaker = new Breaker({ slowMs: 60_000, openMs: 300, random: () => 0 });
  let down = true;
  const { runner, calls, due, want } = given(async () => (down ? 'failed' : 'done'), { breaker });
  for (let index = 0; index < 20; index++) breaker.record(breaker.tryAcquire() ?? 0, 'failed', 1);
  expect(breaker.state).toBe('open');
  expect(runner.capacity()).toBe(0);
  await want(100);
  runner.start();
  await until(() => due.filter((count) => count === 100).length > 3);
  expect(calls).toEqual([]);
  expect((await rows()).every(({ attempts }) => attempts === 0)).toBe(true);
  down = false;
  await until(async () => (await rows()).length === 0);
  expect(breaker.state).toBe('closed');
  expect(calls.every(({ attempts }) => attempts === 0)).toBe(true);
});

test('draining ends and settles the calls under way and gives back the rest uncounted', async () => {
  let release: () => void = () => undefined;
  const open = new Promise<void>((resolve) => (release = resolve));
  const { runner, calls, want } = given(async () => {
    await open;
    return 'done';
  });
  await want(200);
  await until(() => calls.length === 64);
  const drained = runner.drain();
  expect(runner.capacity()).toBe(0);
  release();
  await drained;
  expect(await total()).toBe(64);
  const left = await rows();
  expect(left).toHaveLength(136);
  expect(left.every(({ attempts }) => attempts === 0)).toBe(true);
  expect(calls).toHaveLength(64);
});

test('draining while it claims begins no call afterwards and keeps no claim', async () => {
  await insert(2_000);
  for (let round = 0; round < 10; round++) {
    const { runner, calls } = given(async () => 'done');
    runner.start();
    await until(() => calls.length > 0);
    await runner.drain();
    const begun = calls.length;
    const text = 'SELECT 1 FROM effects WHERE attempts > 0';
    expect(await store.database.query({ text })).toEqual([]);
    expect(calls).toHaveLength(begun);
    await endClaims();
  }
});
