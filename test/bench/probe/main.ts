import { serve } from '../served.ts';
import { measureCommit, measureHop, measureProvider } from './floor.ts';
import { probe } from './probes.ts';
import { measureRelay } from './relay.ts';
import { measureWriter } from './writer.ts';

/** Measures parts on their own; a process of its own, bundled like the services. */
serve(async (message, say) => {
  const asked = probe.parse(message);
  switch (asked.kind) {
    case 'commit':
      return say(await measureCommit(asked.database, asked.ms));
    case 'hop':
      return say(await measureHop(asked.nats, asked.ms));
    case 'provider':
      return say(await measureProvider(asked.url, asked.ms));
    case 'writer':
      return say(await measureWriter(asked));
    case 'relay':
      return say(await measureRelay(asked));
  }
});
