import { afterEach, expect, test } from '@jest/globals';
import { listening } from '../testing/rig.ts';
import { until } from '../testing/until.ts';
import { type Chore, Chores } from './chores.ts';

let running: Chores[] = [];
afterEach(async () => {
  await Promise.all(running.map((chores) => chores.stop()));
  running = [];
});

function given(...chores: (Pick<Chore, 'run'> & Partial<Chore>)[]) {
  const logger = listening();
  const named = chores.map((chore, index) => ({ name: `chore-${index}`, everyMs: 2, ...chore }));
  const started = new Chores(named, logger);
  running.push(started);
  return { chores: started, logger };
}

/** A promise and what fulfils it. */
function gate() {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

test('a chore is done again and again, and never twice at the same time', async () => {
  let [runs, now, most] = [0, 0, 0];
  given({
    async run() {
      now += 1;
      most = Math.max(most, now);
      // Longer than its interval.
      await new Promise((resolve) => setTimeout(resolve, 10));
      now -= 1;
      runs += 1;
    },
  });
  await until(() => runs >= 5);
  expect(most).toBe(1);
});

test('a failed run is logged with its chore and tried again next time', async () => {
  const failure = new Error('no such view');
  let runs = 0;
  const { logger } = given({
    name: 'refresh',
    async run() {
      runs += 1;
      if (runs <= 2) throw failure;
    },
  });
  await until(() => runs >= 4);
  const line = {
    level: 'warn',
    fields: { err: failure, chore: 'refresh' },
    text: 'chore failed',
  };
  expect(logger.lines).toEqual([line, line]);
});

test('a run that failed because the database was away is tried again without a word', async () => {
  let runs = 0;
  const { logger } = given({
    async run() {
      runs += 1;
      throw Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });
    },
  });
  await until(() => runs >= 3);
  expect(logger.lines).toEqual([]);
});

test('a chore that hangs or fails does not hold up the others', async () => {
  const { opened, open } = gate();
  let runs = 0;
  given(
    { run: () => opened },
    { run: () => Promise.reject(new Error('bad')) },
    {
      async run() {
        runs += 1;
      },
    },
  );
  await until(() => runs >= 3);
  open();
});

test('stopping tells the run under way, waits for it and begins no other', async () => {
  const { opened, open } = gate();
  let [begun, ended] = [0, 0];
  let aborted = false;
  const { chores } = given({
    async run(signal) {
      begun += 1;
      signal.addEventListener('abort', () => (aborted = true));
      await opened;
      ended += 1;
    },
  });
  await until(() => begun === 1);
  let stopped = false;
  const stopping = chores.stop().then(() => (stopped = true));
  expect(aborted).toBe(true);
  // A turn of the event loop, in which a stop that waits for nothing would resolve.
  await new Promise((resolve) => setImmediate(resolve));
  expect(stopped).toBe(false);
  open();
  await stopping;
  expect([begun, ended]).toEqual([1, 1]);
});

test('stopping does not wait for the next turn of a chore that rests', async () => {
  let runs = 0;
  const { chores } = given({
    everyMs: 3_600_000,
    async run() {
      runs += 1;
    },
  });
  await chores.stop();
  expect(runs).toBe(0);
});
