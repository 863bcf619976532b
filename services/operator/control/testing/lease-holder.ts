import { pause } from '@windlass/runtime/failure/retry.ts';
import { LostLeadership } from '../kube-error.ts';
import { LeaderElection } from '../lease.ts';
import { configMaps, connect, silent } from './widgets.ts';

/**
 * A process that wants a lease and, while it holds it, writes without a pause: a ConfigMap after
 * the other, all of them labelled with its name. Says what happens in lines, and ends on SIGTERM.
 */
const [kubeconfig = '', namespace = '', identity = '', durationMs = ''] = process.argv.slice(2);
const { kube, close } = await connect({ kubeconfig });
const duration = Number(durationMs);
const say = (line: string) => void process.stdout.write(`${line}\n`);
const election = new LeaderElection({
  kube: {
    get: async (resource, place) => {
      const found = await kube.get(resource, place);
      say('looked');
      return found;
    },
    create: (resource, object) => kube.create(resource, object),
    replace: (resource, object, timeoutMs) => kube.replace(resource, object, timeoutMs),
  },
  namespace,
  name: 'any',
  identity,
  logger: silent,
  timings: { durationMs: duration, renewDeadlineMs: duration * 0.7, retryMs: duration * 0.2 },
});
const stopping = new AbortController();
process.on('SIGTERM', () => stopping.abort());
const fenced = kube.fencedBy(election.fence);
let written = 0;

await election.run(stopping.signal, async (term) => {
  say('leads');
  while (!term.aborted) {
    const name = `${identity}-${written++}`;
    const metadata = { name, namespace, labels: { writer: identity } };
    await fenced
      .create(configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata })
      .then(() => say('wrote'))
      .catch((error) => say(error instanceof LostLeadership ? 'fenced' : 'failed'));
    await pause(5, term);
  }
  say('ends');
});
await close();
say('stopped');
