import { describe, expect, test } from '@jest/globals';
import { parseBusyTicks, parseProcessTimes, usageBetween } from './machine.ts';

describe('CPU time', () => {
  test('of a process is read although its name holds blanks and parentheses', () => {
    const stat = '42 (a (b) c) S 7 42 42 0 -1 4194304 1 2 3 4 100 20 3 4 20 0 11 0 5555 1 2';
    expect(parseProcessTimes(stat)).toEqual({ parent: 7, own: 120, reaped: 7 });
  });

  test('of the machine leaves out idling, waiting for disks and what others took away', () => {
    const stat = 'cpu  100 10 50 9999 777 3 4 555 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n';
    expect(parseBusyTicks(stat)).toBe(167);
  });

  test('that none of ours has used is told apart', () => {
    const before = { at: 0, byGroup: new Map([['order', 10]]), busyTicks: 0 };
    const after = { at: 1_000, byGroup: new Map([['order', 250_010]]), busyTicks: 75 };
    const { byGroup, others, busy, seconds } = usageBetween(before, after);
    expect(byGroup.get('order')).toBe(250_000);
    expect(others / busy).toBeCloseTo(2 / 3, 5);
    expect(seconds).toBe(1);
  });
});
