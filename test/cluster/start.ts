import { parseArgs } from 'node:util';
import { withCrds } from '@windlass/operator/api/testing/installed.ts';
import { errorText } from '@windlass/runtime/failure/error-text.ts';
import type { ControlPlaneAccess } from './control-plane.ts';
import { operatorEnvironment, operatorNamespace, startInProcess } from './in-process-operator.ts';
import { runControlPlane } from './run-control-plane.ts';

const help = `npm run control-plane [-- flags]     a Kubernetes on this machine, and the operator

  --nodes N   nodes, each in a zone of its own (3)
  --logs      the output of the pods as well
  --help      this text

Prints KUBECONFIG=… and, for each NatsCluster, NATS_URL=… when its pods are ready. Ctrl-C stops
everything and leaves nothing; a second one does not wait for that. Linux only.
`;

const sameRequestMs = 500;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      nodes: { type: 'string', default: '3' },
      logs: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  if (values.help === true) {
    process.stdout.write(help);
    return;
  }
  const asked = new Promise<void>((resolve) => {
    let isAsked = false;
    const force = () => process.once('SIGINT', () => process.exit(1));
    const stop = () => {
      // npm passes on the Ctrl-C that the terminal has already sent to everybody.
      if (!isAsked) setTimeout(force, sameRequestMs).unref();
      isAsked = true;
      resolve();
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
  });
  const say = (line: string) => void process.stderr.write(`${line}\n`);
  const running = await runControlPlane({
    nodes: Number(values.nodes),
    startOperator: startOwn,
    print: (line) => void process.stdout.write(`${line}\n`),
    say,
    ...(values.logs === true ? { onLine: (pod, line) => say(`${pod} ${line}`) } : {}),
  });
  await asked;
  say('stopping');
  await running.stop();
}

/** In this process, with the definitions of its kinds. What it logs is for whoever asks for it. */
async function startOwn(access: ControlPlaneAccess): Promise<{ stop(): Promise<void> }> {
  const api = await withCrds(access);
  await api.ensure('/api/v1/namespaces', { metadata: { name: operatorNamespace } });
  api.close();
  const env = { ...operatorEnvironment(access.kubeconfig), ...process.env };
  return await startInProcess({
    ...env,
    KUBECONFIG: access.kubeconfig,
    POD_NAMESPACE: operatorNamespace,
  });
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${errorText(error)}\n`);
  process.exitCode = 1;
}
