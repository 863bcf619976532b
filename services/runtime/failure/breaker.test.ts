import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Breaker, type BreakerOptions, type BreakerPermit, type BreakerState } from './breaker.ts';

function given(options: Partial<BreakerOptions> = {}) {
  const clock = { now: 1_000_000 };
  const changes: BreakerState[] = [];
  const breaker = new Breaker({
    slowMs: 1_000,
    now: () => clock.now,
    random: () => 0,
    onChange: (state) => changes.push(state),
    ...options,
  });
  const call = (outcome: 'ok' | 'failed' | 'unused', durationMs = 1) => {
    const permit = breaker.tryAcquire();
    if (permit !== undefined) breaker.record(permit, outcome, durationMs);
    return permit !== undefined;
  };
  const calls = (count: number, outcome: 'ok' | 'failed', durationMs = 1) => {
    for (let index = 0; index < count; index++) call(outcome, durationMs);
  };
  return { breaker, clock, changes, call, calls };
}

describe('a closed breaker', () => {
  const table: readonly [string, { ok: number; failed: number; slow: number }, BreakerState][] = [
    ['ignores 19 failures: too few calls to judge', { ok: 0, failed: 19, slow: 0 }, 'closed'],
    ['trips at 20 failures', { ok: 0, failed: 20, slow: 0 }, 'open'],
    ['trips at exactly half', { ok: 10, failed: 10, slow: 0 }, 'open'],
    ['bears less than half', { ok: 11, failed: 9, slow: 0 }, 'closed'],
    ['trips when four of five are slow', { ok: 4, failed: 0, slow: 16 }, 'open'],
    ['bears fewer slow ones', { ok: 5, failed: 0, slow: 15 }, 'closed'],
  ];
  test.each(table)('%s', (_title, { ok, failed, slow }, state) => {
    const { breaker, calls } = given();
    calls(ok, 'ok');
    calls(slow, 'ok', 1_000);
    calls(failed, 'failed');
    expect(breaker.state).toBe(state);
  });

  test('forgets what is older than the window', () => {
    const { breaker, clock, calls } = given();
    calls(19, 'failed');
    clock.now += 10_000;
    calls(19, 'failed');
    expect(breaker.state).toBe('closed');
    clock.now += 9_000;
    calls(1, 'failed');
    expect(breaker.state).toBe('open');
  });

  test('does not count a call that was not made', () => {
    const { breaker, call } = given();
    for (let index = 0; index < 50; index++) call('unused');
    expect(breaker.state).toBe('closed');
  });
});

describe('an open breaker', () => {
  test('refuses until its time is over and then lets three probes through', () => {
    const { breaker, clock, calls } = given();
    calls(20, 'failed');
    expect(breaker.nextAttemptAt).toBe(clock.now + 30_000);
    clock.now += 29_999;
    expect(breaker.tryAcquire()).toBeUndefined();
    clock.now += 1;
    expect([1, 2, 3, 4].map(() => breaker.tryAcquire() !== undefined)).toEqual([
      true,
      true,
      true,
      false,
    ]);
    expect(breaker.state).toBe('half-open');
  });

  test('closes after three good probes and starts again at the shortest wait', () => {
    const { breaker, clock, changes, calls } = given();
    calls(20, 'failed');
    clock.now += 30_000;
    calls(3, 'ok');
    expect(changes).toEqual(['open', 'half-open', 'closed']);
    calls(20, 'failed');
    expect(breaker.nextAttemptAt).toBe(clock.now + 30_000);
  });

  test('doubles its wait with each failed probe, up to five minutes', () => {
    const { breaker, clock, call, calls } = given();
    calls(20, 'failed');
    const waits: number[] = [];
    for (let index = 0; index < 6; index++) {
      waits.push(breaker.nextAttemptAt - clock.now);
      clock.now = breaker.nextAttemptAt;
      call('failed');
    }
    expect(waits).toEqual([30_000, 60_000, 120_000, 240_000, 300_000, 300_000]);
  });

  test('opens again when all probes are slow', () => {
    const { breaker, clock, calls } = given();
    calls(20, 'failed');
    clock.now += 30_000;
    calls(3, 'ok', 1_000);
    expect(breaker.state).toBe('open');
  });

  test('gives the place of an unused probe to another call', () => {
    const { breaker, clock, call, calls } = given();
    calls(20, 'failed');
    clock.now += 30_000;
    call('unused');
    calls(3, 'ok');
    expect(breaker.state).toBe('closed');
  });

  test('ignores the outcome of a call that began before it tripped', () => {
    const { breaker, clock, calls } = given();
    const early = breaker.tryAcquire();
    calls(20, 'failed');
    clock.now += 30_000;
    breaker.tryAcquire();
    if (early !== undefined) breaker.record(early, 'failed', 1);
    expect(breaker.state).toBe('half-open');
  });

  test('probes anew when its probes never came back', () => {
    const { breaker, clock, calls } = given();
    calls(20, 'failed');
    clock.now += 30_000;
    for (let index = 0; index < 4; index++) breaker.tryAcquire();
    expect(breaker.nextAttemptAt).toBe(clock.now + 60_000);
    clock.now += 60_000;
    calls(3, 'ok');
    expect(breaker.state).toBe('closed');
  });

  test('shortens its wait by at most a fifth', () => {
    const { breaker, clock, calls } = given({ random: () => 1 });
    calls(20, 'failed');
    expect(breaker.nextAttemptAt - clock.now).toBe(24_000);
  });
});

test('whatever happens: transitions are legal, at most three probes, never stuck', () => {
  const step = fc.record({
    waitMs: fc.nat(40_000),
    outcome: fc.constantFrom('ok' as const, 'failed' as const, 'unused' as const),
    durationMs: fc.nat(2_000),
    delivered: fc.boolean(),
  });
  const legal = new Set(['closed>open', 'open>half-open', 'half-open>open', 'half-open>closed']);
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), fc.nat(1_000), (steps, seed) => {
      const illegal: string[] = [];
      const { breaker, clock } = given({
        minimumCalls: 3,
        random: () => seed / 1_000,
        onChange: (state, previous) => {
          if (!legal.has(`${previous}>${state}`)) illegal.push(`${previous}>${state}`);
        },
      });
      const held: BreakerPermit[] = [];
      for (const { waitMs, outcome, durationMs, delivered } of steps) {
        clock.now += waitMs;
        const permit = breaker.tryAcquire();
        if (permit === undefined) expect(breaker.nextAttemptAt).toBeGreaterThan(clock.now);
        else if (delivered) breaker.record(permit, outcome, durationMs);
        else held.push(permit);
      }
      for (const permit of held) breaker.record(permit, 'ok', 1);
      expect(illegal).toEqual([]);
      clock.now += 400_000;
      expect(breaker.tryAcquire()).toBeDefined();
    }),
  );
});
