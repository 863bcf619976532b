/**
 * Preloaded into a service (`NODE_OPTIONS=--import`): ends the process like a power cut at the
 * nth time that it reaches a step boundary of services/runtime/broker/steps.ts.
 *
 * The file `kill-at` in DATA_DIR names the step and n. It is read at the start, and again on
 * SIGUSR2, so that every replica is its own target and one that runs can be made one.
 */
import { subscribe } from 'node:diagnostics_channel';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const file = join(process.env.DATA_DIR, 'kill-at');

function arm() {
  if (!existsSync(file)) return;
  const [step, count] = readFileSync(file, 'utf8').split(' ');
  let left = Number(count);
  subscribe(`windlass.${step}`, () => {
    left -= 1;
    if (left === 0) process.kill(process.pid, 'SIGKILL');
  });
}

process.on('SIGUSR2', arm);
arm();
