import { serve } from '../served.ts';
import { loadCommand } from './load.ts';
import { LoadRun } from './load-run.ts';

let running: LoadRun | undefined;

/** The load generator: a process of its own, so that its work is not done by what it measures. */
serve(async (message, say) => {
  const command = loadCommand.parse(message);
  if (command.kind === 'rate') {
    running?.setRate(command.rate);
    return;
  }
  running = new LoadRun(command, (phase) => say({ kind: 'phase', phase }));
  say(await running.run());
  running = undefined;
});
