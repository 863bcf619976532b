import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { expectAllSettled } from './invariants.ts';
import { Load } from './load.ts';
import { fingerprint, republishAll } from './republish.ts';
import { Stack, workerNames } from './stack.ts';

let stack: Stack;
let before: Record<string, unknown>;
beforeAll(async () => {
  stack = await Stack.start();
  const load = await Load.start(stack, { perSecond: 40, faults: { declinePercent: 20 } });
  await load.until(120);
  await load.stop();
  await expectAllSettled(stack);
  before = await fingerprint(stack);
}, 60_000);
afterAll(() => stack?.stop(), 30_000);

test('changes nothing when every event comes again, in any order', async () => {
  expect(await republishAll(stack)).toBeGreaterThan(600);
  await expectAllSettled(stack);
  expect(await fingerprint(stack)).toEqual(before);
});

test('changes nothing when a whole replay comes to inboxes that have forgotten it', async () => {
  for (const worker of workerNames) await stack.rows(worker, 'DELETE FROM inbox');
  await republishAll(stack);
  await expectAllSettled(stack);
  expect(await fingerprint(stack)).toEqual(before);
});
