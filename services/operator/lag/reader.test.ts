import { describe, expect, test } from '@jest/globals';
import type { Consumer, Counts } from './consumers.ts';
import { LagReader } from './reader.ts';
import { ApiError } from './status.ts';

const consumer = (identity: string): Consumer => ({
  name: identity,
  stream: 'ORDERS',
  durable: identity,
  cluster: undefined,
  account: undefined,
  identity,
  object: { apiVersion: 'v1', kind: 'Consumer', metadata: { name: identity } },
});

/** A leader that answers when it is told to. */
function leader() {
  const asked: { readonly name: string; readonly answer: (counts: Counts | Error) => void }[] = [];
  const ask = ({ name }: Consumer) =>
    new Promise<Counts>((resolve, reject) => {
      asked.push({
        name,
        answer: (counts) => (counts instanceof Error ? reject(counts) : resolve(counts)),
      });
    });
  return { asked, ask };
}
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('LagReader', () => {
  test('asks once for all that want to know at the same time', async () => {
    const { asked, ask } = leader();
    const reader = new LagReader(ask, () => 0);
    const readings = [reader.read(consumer('a')), reader.read(consumer('a'))];
    await settled();
    expect(asked).toHaveLength(1);
    asked[0]?.answer({ pending: 7, ackPending: 0 });
    expect((await Promise.all(readings)).map(({ counts }) => counts.pending)).toEqual([7, 7]);
  });

  test('gives an answer again for two seconds', async () => {
    let now = 1_000;
    let pending = 0;
    const ask = async () => ({ pending: pending++, ackPending: 0 });
    const reader = new LagReader(ask, () => now);
    const read = async () => (await reader.read(consumer('a'))).counts.pending;
    expect(await read()).toBe(0);
    now += 1_999;
    expect(await read()).toBe(0);
    now += 1;
    expect(await read()).toBe(1);
  });

  test('never replaces a failure by an older answer, and asks again after it', async () => {
    let now = 0;
    const { asked, ask } = leader();
    const reader = new LagReader(ask, () => now);
    const first = reader.read(consumer('a'));
    await settled();
    asked[0]?.answer({ pending: 1, ackPending: 0 });
    await first;
    now += 5_000;
    const second = reader.read(consumer('a'));
    await settled();
    asked[1]?.answer(new ApiError('Timeout', 'no answer'));
    await expect(second).rejects.toThrow('no answer');
    const third = reader.read(consumer('a'));
    await settled();
    asked[2]?.answer({ pending: 3, ackPending: 0 });
    expect((await third).counts.pending).toBe(3);
  });

  test('asks for sixteen at once; the others wait, and too many are refused', async () => {
    const { asked, ask } = leader();
    const reader = new LagReader(ask, () => 0);
    const readings = Array.from({ length: 1_041 }, (_, index) => reader.read(consumer(`${index}`)));
    const outcomes = Promise.allSettled(readings);
    await settled();
    expect(asked).toHaveLength(16);
    for (let index = 0; index < 1_040; index++) {
      asked[index]?.answer({ pending: index, ackPending: 0 });
      await settled();
    }
    const rejected = (await outcomes).filter(({ status }) => status === 'rejected');
    expect(rejected).toMatchObject([{ reason: { reason: 'TooManyRequests' } }]);
  });
});
