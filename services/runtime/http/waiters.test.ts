import { afterEach, describe, expect, test } from '@jest/globals';
import { Waiters } from './waiters.ts';

const never = new AbortController().signal;
const longMs = 60_000;
let polled: (readonly string[])[] = [];
let settledElsewhere: string[] = [];
let last: Waiters;

function given(): Waiters {
  polled = [];
  settledElsewhere = [];
  last = new Waiters({
    pollMs: 5,
    async poll(ids) {
      polled.push(ids);
      if (settledElsewhere.includes('broken')) throw new Error('the database is away');
      return ids.filter((id) => settledElsewhere.includes(id));
    },
  });
  return last;
}
afterEach(() => last.release());

describe('a request that waits', () => {
  test('is woken, with all others for the same, when it is settled here', async () => {
    const waiters = given();
    const both = Promise.all([
      waiters.wait('o-1', longMs, never),
      waiters.wait('o-1', longMs, never),
    ]);
    waiters.settled('o-2');
    waiters.settled('o-1');
    await both;
  });

  test('is woken when it is settled in another replica', async () => {
    const waiters = given();
    const waited = waiters.wait('o-1', longMs, never);
    settledElsewhere = ['o-1'];
    await waited;
    expect(polled.at(-1)).toEqual(['o-1']);
  });

  test('waits on while the others cannot be asked', async () => {
    const waiters = given();
    settledElsewhere = ['broken'];
    const waited = waiters.wait('o-1', longMs, never);
    while (polled.length < 2) await new Promise(setImmediate);
    settledElsewhere = ['o-1'];
    await waited;
  });

  test('ends after its time, with its caller, and with the process', async () => {
    const waiters = given();
    await waiters.wait('o-1', 5, never);
    const caller = new AbortController();
    const waited = Promise.all([
      waiters.wait('o-1', longMs, caller.signal),
      waiters.wait('o-2', longMs, never),
    ]);
    caller.abort();
    waiters.release();
    await waited;
    await waiters.wait('o-1', longMs, caller.signal);
  });

  test('is refused when a thousand wait already', async () => {
    const waiters = given();
    const all = Array.from({ length: 1_000 }, (_, index) =>
      waiters.wait(`o-${index}`, longMs, never),
    );
    await expect(waiters.wait('o-x', longMs, never)).rejects.toMatchObject({
      code: 'too-many-waiters',
    });
    waiters.release();
    await Promise.all(all);
    await waiters.wait('o-x', 1, never);
  });
});
