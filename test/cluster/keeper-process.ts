import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const program = join(dirname(fileURLToPath(import.meta.url)), 'keeper.ts');

export interface Keeper {
  /** JSON: a `ControlPlaneAccess`, or `{unavailable: <why>}`. */
  readonly answer: string;
  /** Resolves when nothing of it is left. */
  stop(): Promise<void>;
}

/**
 * Starts a control plane in a process of its own, which ends with this one. It does not keep
 * this process alive.
 */
export async function startKeeper(): Promise<Keeper> {
  const { NODE_OPTIONS: _, ...env } = process.env;
  const child = spawn(process.execPath, ['--import', 'tsx', program], {
    cwd: join(dirname(program), '..', '..'),
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
  });
  const exited = once(child, 'exit');
  const failed = exited.then(([code]) => {
    throw new Error(`The control plane of the tests ended with code ${code}.`);
  });
  failed.catch(() => {});
  const lines = createInterface({ input: child.stdout });
  const [answer] = await Promise.race([once(lines, 'line'), failed]);
  child.unref();
  // They are sockets, though the types only promise streams.
  for (const stream of [child.stdin, child.stdout] as unknown as { unref(): void }[]) {
    stream.unref();
  }
  return {
    answer: String(answer),
    async stop() {
      child.stdin.end();
      await exited;
    },
  };
}
