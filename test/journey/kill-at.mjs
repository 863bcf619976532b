/**
 * Preloaded into a service (`NODE_OPTIONS=--import`): ends the process like a power cut at the
 * nth time that it reaches a step boundary of services/runtime/broker/steps.ts.
 *
 * The file `kill-at` in DATA_DIR names the step and n. It is read when the process is told to
 * by SIGUSR2, so that every replica is its own target and arming one needs no restart.
 */
import { subscribe } from 'node:diagnostics_channel';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

process.on('SIGUSR2', () => {
  const [step, count] = readFileSync(join(process.env.DATA_DIR, 'kill-at'), 'utf8').split(' ');
  let left = Number(count);
  subscribe(`windlass.${step}`, () => {
    left -= 1;
    if (left === 0) process.kill(process.pid, 'SIGKILL');
  });
});
