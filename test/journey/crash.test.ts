import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Step } from '@windlass/runtime/broker/steps.ts';
import { expectAllSettled } from './invariants.ts';
import { Load } from './load.ts';
import { Stack, type Worker, workerNames } from './stack.ts';

const everyWorker = ['order', 'inventory', 'payment'] as const;
/** Where each worker may die: every boundary between two of its steps. */
const boundaries: readonly (readonly [step: Step, workers: readonly Worker[]])[] = [
  ['command.committed', ['order']],
  ['batch.deciding', everyWorker],
  ['batch.committed', everyWorker],
  ['batch.acked', everyWorker],
  ['relay.publishing', everyWorker],
  ['relay.published', everyWorker],
  ['effect.performing', ['payment']],
  ['effect.performed', ['payment']],
  ['effect.settled', ['payment']],
];

let stack: Stack;
let load: Load;
beforeAll(async () => {
  stack = await Stack.start({ ackWaitMs: 5_000 });
  const faults = { declinePercent: 10, timeoutAfterChargePercent: 3 };
  load = await Load.start(stack, { perSecond: 25, faults, openMax: 100 });
}, 60_000);
afterAll(() => stack?.stop(), 30_000);

let round = 0;
/** Kills one replica of each worker at the step, the other one the next time, and restarts it. */
async function killAll(step: Step, workers: readonly Worker[]): Promise<void> {
  round += 1;
  const victims = workers.flatMap((worker) => stack.replicas(worker)[round % 2] ?? []);
  await Promise.all(victims.map((victim) => stack.killAt(victim, step, 1 + (round % 3))));
  await Promise.all(
    victims.map(async (victim) => {
      expect(await victim.exited()).toEqual({ code: null, signal: 'SIGKILL' });
      await stack.killAt(victim, undefined, 0);
      await victim.restart();
      await victim.ready(30_000);
    }),
  );
}

test.each(boundaries)('goes on when a replica dies at %s', async (step, workers) => {
  await killAll(step, workers);
});

test('goes on when every process dies at once', async () => {
  const all = workerNames.flatMap((worker) => stack.replicas(worker));
  for (const each of all) each.kill('SIGKILL');
  await Promise.all(all.map((each) => each.exited()));
  for (const each of all) await each.restart();
  await Promise.all(all.map((each) => each.ready(30_000)));
});

test('settles every order that was accepted, with exact money and stock', async () => {
  await load.stop();
  expect(load.failures).toEqual([]);
  await stack.shops[0].faults({});
  const { orders } = await expectAllSettled(stack, { withinMs: 100_000 });
  expect(load.accepted.filter((id) => !orders.some((order) => order.id === id))).toEqual([]);
  expect(orders.length).toBeGreaterThan(100);
}, 120_000);
