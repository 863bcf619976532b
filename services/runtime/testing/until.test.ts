import { expect, test } from '@jest/globals';
import { until } from './until.ts';

test('resolves with what it finds', async () => {
  let looks = 0;
  await expect(until('the third look', () => (++looks === 3 ? 'found' : false))).resolves.toBe(
    'found',
  );
});

test('says what did not come about, and why the last look failed', async () => {
  const cause = new Error('refused');
  const looking = until(
    'an answer',
    () => {
      throw cause;
    },
    { withinMs: 1, everyMs: 1 },
  );
  await expect(looking).rejects.toMatchObject({ message: 'not within 1 ms: an answer', cause });
});

test('tells what it waits for by its text where it has no name', async () => {
  const isThere = () => false;
  const looking = until(isThere, { withinMs: 1, everyMs: 1 });
  await expect(looking).rejects.toThrow(/not within 1 ms: \(\) ?=> ?false/);
});
