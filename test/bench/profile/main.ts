import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { basename, dirname, join } from 'node:path';

/**
 * Loaded into a service before it starts: each second SIGUSR2 ends what the one before began,
 * and writes a CPU profile with the name of the service.
 */
const session = new Session();
session.connect();
const directory = process.env.BENCH_PROFILES ?? '.';
const service = basename(dirname(dirname(process.argv[1] ?? '')));
let running = false;
let number = 0;

process.on('SIGUSR2', () => {
  if (!running) {
    session.post('Profiler.enable');
    session.post('Profiler.start');
  } else {
    session.post('Profiler.stop', (error, result) => {
      const name = `${service}-${process.pid}-${++number}.cpuprofile`;
      if (error === null) writeFileSync(join(directory, name), JSON.stringify(result.profile));
    });
  }
  running = !running;
});
