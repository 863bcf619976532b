import { describe, expect, test } from '@jest/globals';
import { OverloadGuard, sliceMs } from './overload.ts';

const bounds = { queue: 2_000, outboxRows: 500_000, outboxAgeMs: 900_000 };

function given() {
  const clock = { now: 0 };
  const backlog = { queue: 0, outboxRows: 0, outboxAgeMs: 0 };
  const guard = new OverloadGuard({ backlog, bounds, now: () => clock.now });
  return { clock, backlog, guard };
}

describe('the hard bounds', () => {
  test.each([
    ['queue', 'Too many commands wait.', 1],
    ['outboxRows', 'Too many events wait to be published.', 10],
    ['outboxAgeMs', 'Events have waited too long to be published.', 30],
  ] as const)('refuse above the bound of %s and not at it', (name, detail, seconds) => {
    const { backlog, guard } = given();
    backlog[name] = bounds[name];
    expect(guard.admit()).toBeUndefined();
    backlog[name]++;
    expect(guard.admit()).toMatchObject({
      code: 'overloaded',
      detail,
      retryAfterSeconds: seconds,
    });
    expect(guard.admit()).toBe(guard.admit());
  });
});

/** One CPU, in steps of 10 ms: requests are served first, what is left finishes orders. */
function simulate(options: {
  readonly guarded: boolean;
  readonly offeredPerSecond: (second: number) => number;
  readonly seconds: number;
  /** Whether finished orders come through, by second. */
  readonly downstream?: (second: number) => boolean;
}) {
  const costUs = { accept: 60, shed: 8, finish: 190 };
  const stepMs = 10;
  const { clock, guard } = given();
  const waiting: { since: number; count: number }[] = [];
  const perSecond = Array.from({ length: options.seconds }, () => ({
    settled: 0,
    shed: 0,
    latencySum: 0,
  }));
  let owed = 0;
  let busyUs = 0;
  let debtUs = 0;
  for (; clock.now < options.seconds * 1_000; clock.now += stepMs) {
    const second = Math.floor(clock.now / 1_000);
    const tally = perSecond[second];
    if (!tally) break;
    let budgetUs = stepMs * 1_000 - debtUs;
    owed += (options.offeredPerSecond(second) * stepMs) / 1_000;
    let accepted = 0;
    for (; owed >= 1; owed--) {
      const refused = options.guarded && guard.admit() !== undefined;
      budgetUs -= refused ? costUs.shed : costUs.accept;
      if (refused) tally.shed++;
      else accepted++;
    }
    if (accepted > 0) waiting.push({ since: clock.now, count: accepted });
    while (budgetUs > 0 && waiting[0] && (options.downstream?.(second) ?? true)) {
      budgetUs -= costUs.finish;
      tally.settled++;
      tally.latencySum += clock.now - waiting[0].since;
      guard.settled(clock.now - waiting[0].since);
      if (--waiting[0].count === 0) waiting.shift();
    }
    debtUs = Math.max(0, -budgetUs);
    busyUs += Math.min(stepMs * 1_000, stepMs * 1_000 - budgetUs);
    if (clock.now % sliceMs === 0) {
      guard.sample(Math.min(1, busyUs / (sliceMs * 1_000)));
      busyUs = 0;
    }
  }
  return perSecond;
}

const capacity = 1_000_000 / 250;

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

describe('the adaptive limit', () => {
  test('keeps goodput at three times the capacity, where an open door loses it', () => {
    const load = { offeredPerSecond: () => 3 * capacity, seconds: 60 };
    const open = simulate({ ...load, guarded: false }).map((second) => second.settled);
    const guarded = simulate({ ...load, guarded: true });
    expect(mean(open)).toBeLessThan(0.5 * capacity);
    expect(mean(guarded.map((second) => second.settled))).toBeGreaterThan(0.88 * capacity);
    const late = guarded.slice(30);
    const latencies = late.map((second) => second.latencySum / second.settled);
    expect(mean(latencies)).toBeLessThan(2_000);
  });

  test('refuses nothing at low load', () => {
    const seconds = simulate({
      guarded: true,
      offeredPerSecond: () => 0.5 * capacity,
      seconds: 20,
    });
    expect(seconds.reduce((sum, second) => sum + second.shed, 0)).toBe(0);
  });

  test('refuses nothing just below the capacity', () => {
    const seconds = simulate({
      guarded: true,
      offeredPerSecond: () => 0.95 * capacity,
      seconds: 20,
    });
    expect(seconds.reduce((sum, second) => sum + second.shed, 0)).toBe(0);
  });

  test('opens again within seconds when the overload ends', () => {
    const seconds = simulate({
      guarded: true,
      offeredPerSecond: (second) => (second < 20 ? 3 : 0.3) * capacity,
      seconds: 60,
    });
    expect(seconds.slice(30).reduce((sum, second) => sum + second.shed, 0)).toBe(0);
  });

  test('accepts on through an outage downstream, and refuses nothing while catching up', () => {
    const seconds = simulate({
      guarded: true,
      offeredPerSecond: () => 0.5 * capacity,
      seconds: 60,
      downstream: (second) => second < 5 || second >= 25,
    });
    expect(seconds.reduce((sum, second) => sum + second.shed, 0)).toBe(0);
    expect(seconds.at(-1)?.settled).toBeCloseTo(0.5 * capacity, -2);
  });

  test('does not mind slow orders while the CPU is idle', () => {
    const { clock, guard } = given();
    for (let slice = 0; slice < 100; slice++) {
      clock.now += sliceMs;
      guard.settled(60_000);
      guard.sample(0.3);
      expect(guard.admit()).toBeUndefined();
    }
  });

  test('does not mind a busy CPU while orders are quick', () => {
    const { clock, guard } = given();
    for (let slice = 0; slice < 100; slice++) {
      clock.now += sliceMs;
      guard.settled(100);
      guard.sample(1);
      expect(guard.admit()).toBeUndefined();
    }
  });
});
