import { describe, expect, test } from '@jest/globals';
import { type Lane, lanes } from '@windlass/contracts/service.ts';
import { LaneScheduler, laneWeights, starvationMs } from './lanes.ts';

const all = () => true;
const only =
  (...having: Lane[]) =>
  (lane: Lane) =>
    having.includes(lane);

/** Runs one batch after the other in one slot and gives the lanes in the order of their turns. */
function turns(options: {
  readonly scheduler?: LaneScheduler;
  readonly count: number;
  readonly messages?: (lane: Lane) => number;
  readonly batchMs?: number;
  readonly hasWork?: (lane: Lane) => boolean;
  readonly from?: number;
}): Lane[] {
  const { scheduler = new LaneScheduler(1), count, messages = () => 10, batchMs = 0 } = options;
  const { hasWork = all, from = 0 } = options;
  return Array.from({ length: count }, (_, turn) => {
    const lane = scheduler.next(hasWork, from + turn * batchMs);
    if (lane === undefined) throw new Error(`turn ${turn} went to nobody`);
    scheduler.started(lane, messages(lane));
    scheduler.ended(lane);
    return lane;
  });
}
const countOf = (taken: readonly Lane[], lane: Lane) =>
  taken.filter((each) => each === lane).length;

describe('while all lanes have work', () => {
  test('their messages are shared by their weights', () => {
    const taken = turns({ count: 1_200 });
    expect(lanes.map((lane) => Math.round(countOf(taken, lane) / 100))).toEqual(
      lanes.map((lane) => laneWeights[lane]),
    );
  });

  test('it is messages that count and not batches', () => {
    const messages = (lane: Lane) => (lane === 'bulk' ? 40 : 10);
    const taken = turns({ count: 5_000, messages });
    const shares = lanes.map((lane) => countOf(taken, lane) * messages(lane));
    const [hot = 0, standard = 0, bulk = 0] = shares;
    expect(hot / bulk).toBeCloseTo(8, 0);
    expect(standard / bulk).toBeCloseTo(3, 0);
  });

  test('the first turn is that of the most urgent', () => {
    expect(turns({ count: 1 })).toEqual(['hot']);
  });

  test.each([1, 100, 400, 999, 5_000])(
    'no lane waits much longer than the bound when batches take %i ms',
    (batchMs) => {
      const taken = turns({ count: 400, batchMs });
      for (const lane of lanes) {
        const at = taken.flatMap((each, turn) => (each === lane ? [turn] : []));
        const waits = at.map((turn, index) => (turn - (at[index - 1] ?? -1)) * batchMs);
        // One batch may be under way, and one of another starving lane may go before it.
        expect(Math.max(...waits)).toBeLessThanOrEqual(starvationMs + 3 * batchMs);
      }
    },
  );
});

describe('a lane', () => {
  test('takes all turns while no other has work', () => {
    expect(turns({ count: 5, hasWork: only('bulk') })).toEqual(Array(5).fill('bulk'));
  });

  test('that was idle has no credit for that time', () => {
    const scheduler = new LaneScheduler(1);
    turns({ scheduler, count: 1_000, hasWork: only('standard') });
    const taken = turns({ scheduler, count: 110, hasWork: only('hot', 'standard') });
    expect(countOf(taken, 'standard')).toBeGreaterThanOrEqual(28);
  });

  test('that was alone owes nothing for it once others have work again', () => {
    const scheduler = new LaneScheduler(1);
    turns({ scheduler, count: 1_000, hasWork: only('bulk') });
    expect(scheduler.next(only(), 0)).toBeUndefined();
    const taken = turns({ scheduler, count: 1_200 });
    expect(countOf(taken, 'bulk')).toBeGreaterThanOrEqual(99);
  });

  test('runs one batch at a time', () => {
    const scheduler = new LaneScheduler(3);
    scheduler.started('hot', 1);
    expect(scheduler.next(only('hot'), 0)).toBeUndefined();
    scheduler.ended('hot');
    expect(scheduler.next(only('hot'), 0)).toBe('hot');
  });

  test('without work is never chosen', () => {
    const scheduler = new LaneScheduler(3);
    expect(scheduler.next(() => false, 0)).toBeUndefined();
    expect(scheduler.next(() => false, 10 * starvationMs)).toBeUndefined();
  });
});

describe('the places', () => {
  test('are as many as there are slots', () => {
    const scheduler = new LaneScheduler(2);
    scheduler.started('hot', 1);
    scheduler.started('standard', 1);
    expect(scheduler.next(only('bulk'), 0)).toBeUndefined();
    scheduler.ended('hot');
    expect(scheduler.next(only('hot'), 0)).toBe('hot');
  });

  test('leave one free of bulk work, so that an urgent batch need not wait', () => {
    const scheduler = new LaneScheduler(3);
    scheduler.started('hot', 1);
    scheduler.started('standard', 1);
    expect(scheduler.next(only('bulk'), 0)).toBeUndefined();
    scheduler.ended('standard');
    expect(scheduler.next(only('bulk'), 1)).toBe('bulk');
    scheduler.started('bulk', 1);
    expect(scheduler.next(only('standard'), 2)).toBe('standard');
  });

  test('may all be taken by others when bulk work has waited for the bound', () => {
    const scheduler = new LaneScheduler(2);
    scheduler.started('hot', 1);
    scheduler.started('standard', 1);
    expect(scheduler.next(only('bulk'), 0)).toBeUndefined();
    expect(scheduler.next(only('bulk'), starvationMs - 1)).toBeUndefined();
    expect(scheduler.next(only('bulk'), starvationMs)).toBe('bulk');
  });

  test('go to who waits longest when several have waited for the bound', () => {
    const scheduler = new LaneScheduler(1);
    scheduler.started('hot', 1);
    scheduler.next(only('standard'), 0);
    scheduler.next(only('standard', 'bulk'), 10);
    expect(scheduler.next(only('standard', 'bulk'), starvationMs + 20)).toBe('standard');
    scheduler.started('standard', 1);
    expect(scheduler.next(only('standard', 'bulk'), starvationMs + 20)).toBe('bulk');
  });

  test('a wait begins anew when the work was taken away meanwhile', () => {
    const scheduler = new LaneScheduler(2);
    scheduler.started('hot', 1);
    scheduler.started('standard', 1);
    scheduler.next(only('bulk'), 0);
    scheduler.next(() => false, starvationMs / 2);
    expect(scheduler.next(only('bulk'), starvationMs)).toBeUndefined();
    expect(scheduler.next(only('bulk'), 2 * starvationMs)).toBe('bulk');
  });
});
