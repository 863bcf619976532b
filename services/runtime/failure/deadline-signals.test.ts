import { once } from 'node:events';
import { expect, test } from '@jest/globals';
import { DeadlineSignals } from './deadline-signals.ts';

test('calls that begin together share a signal, and later ones have another', async () => {
  const signals = new DeadlineSignals(60_000);
  const first = signals.next();
  expect(signals.next()).toBe(first);
  const until = Date.now() + 5_000;
  while (signals.next() === first && Date.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect(signals.next()).not.toBe(first);
});

test('a signal is aborted after the time-out and not before', async () => {
  const started = performance.now();
  const signal = new DeadlineSignals(100).next();
  await once(signal, 'abort');
  const took = performance.now() - started;
  expect(took).toBeGreaterThanOrEqual(99);
  expect(took).toBeLessThan(5_000);
});
