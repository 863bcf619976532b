import { NoBinaries } from './binaries.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';

/**
 * A control plane as a process of its own: says in one line of JSON how it is reached, or that
 * there is none to be had here, and stops when its standard input closes. That happens even when
 * whoever started it is killed. See keeper-process.ts.
 */
const stopped = new Promise<void>((resolve) => {
  process.stdin.on('end', resolve);
  process.stdin.on('close', resolve);
  process.stdin.resume();
});
// The terminal's Ctrl-C is for whoever started this, whose end closes standard input.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});

const say = (line: string) => void process.stderr.write(`${line}\n`);
const print = (answer: unknown) => void process.stdout.write(`${JSON.stringify(answer)}\n`);

const starting = startControlPlane({ say });
const introduced = starting.then(introduce, (error: unknown) => {
  if (!(error instanceof NoBinaries)) throw error;
  print({ unavailable: error.message });
});

function introduce({ kubeconfig, server, auditLog, directory, kubectl }: ControlPlane): void {
  print({ kubeconfig, server, auditLog, directory, kubectl });
}

await Promise.race([introduced, stopped]);
await stopped;
await starting.then(
  (controlPlane) => controlPlane.stop(),
  () => {},
);
process.exit();
