import { describe, expect, test } from '@jest/globals';
import { until } from '@windlass/runtime/testing/until.ts';
import { type Next, WorkQueue } from './work-queue.ts';

interface Turn {
  readonly key: string;
  readonly end: (next?: Next) => void;
}

/** A queue whose works end when the test says so. */
function rig(options: { readonly concurrency?: number; readonly random?: () => number } = {}) {
  const turns: Turn[] = [];
  const queue = new WorkQueue({
    concurrency: 4,
    ...options,
    work: (key) =>
      new Promise((resolve) => {
        turns.push({ key, end: (next = { next: 'forget' }) => resolve(next) });
      }),
  });
  const keys = () => turns.map(({ key }) => key);
  const turn = async (index: number) => await until(() => turns[index]);
  return { queue, keys, turn };
}

describe('a work queue', () => {
  test('works once on a key that was added often', async () => {
    const { queue, keys, turn } = rig({ concurrency: 1 });
    for (const key of ['a', 'b', 'b', 'b', 'c']) queue.add(key);
    for (const index of [0, 1, 2]) (await turn(index)).end();
    await queue.stop();
    expect(keys()).toEqual(['a', 'b', 'c']);
  });

  test('never works twice at once on a key, but once more when it was added meanwhile', async () => {
    const { queue, keys, turn } = rig();
    queue.add('a');
    const first = await turn(0);
    queue.add('a');
    queue.add('a');
    queue.add('b');
    await turn(1);
    expect(keys()).toEqual(['a', 'b']);
    first.end();
    (await turn(2)).end();
    (await turn(1)).end();
    await queue.stop();
    expect(keys()).toEqual(['a', 'b', 'a']);
  });

  test('works on no more keys at once than it may', async () => {
    const { queue, keys, turn } = rig({ concurrency: 2 });
    for (const key of ['a', 'b', 'c', 'd']) queue.add(key);
    await turn(1);
    expect([queue.active, queue.depth, keys()]).toEqual([2, 2, ['a', 'b']]);
    for (const index of [0, 1, 2, 3]) (await turn(index)).end();
    await queue.stop();
    expect(keys()).toEqual(['a', 'b', 'c', 'd']);
  });

  test('looks again after the delay that the work asks for', async () => {
    const { queue, turn } = rig();
    queue.add('a');
    (await turn(0)).end({ next: 'forget', afterMs: 20 });
    (await turn(1)).end();
    await queue.stop();
  });

  test('takes the earliest of several delays', async () => {
    const { queue, turn } = rig();
    queue.addAfter('a', 600_000);
    queue.addAfter('a', 10);
    queue.addAfter('a', 600_000);
    (await turn(0)).end();
    await queue.stop();
  });

  test('does not wait for a delay when the key is added', async () => {
    const { queue, keys, turn } = rig();
    queue.addAfter('a', 600_000);
    queue.add('a');
    (await turn(0)).end();
    await queue.stop();
    expect(keys()).toEqual(['a']);
  });

  test('tries again ever later, until the key is forgotten', async () => {
    const { queue, turn } = rig({ random: () => 0.5 });
    queue.add('a');
    for (const index of [0, 1, 2]) (await turn(index)).end({ next: 'retry' });
    await turn(3);
    expect(queue.retriesOf('a')).toBe(3);
    (await turn(3)).end();
    await until(() => queue.active === 0);
    expect(queue.retriesOf('a')).toBe(0);
    await queue.stop();
  });

  test('ends with the works that are under way, and begins no other', async () => {
    const { queue, keys, turn } = rig({ concurrency: 1 });
    for (const key of ['a', 'b']) queue.add(key);
    queue.addAfter('c', 1);
    const first = await turn(0);
    let isStopped = false;
    const stopped = queue.stop().then(() => {
      isStopped = true;
    });
    queue.add('d');
    await new Promise(setImmediate);
    expect(isStopped).toBe(false);
    first.end({ next: 'retry' });
    await stopped;
    expect([keys(), queue.active, queue.depth]).toEqual([['a'], 0, 0]);
  });
});
