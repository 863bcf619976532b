import { readFile } from 'node:fs/promises';
import { run } from './child.ts';

/** A process for as long as it lives: its number alone may be given to another one later. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it was started, in whatever form the system tells it. */
  readonly started: string;
}

/** The identity of a process, or nothing when it is gone. */
export async function identify(pid: number): Promise<ProcessIdentity | undefined> {
  if (process.platform !== 'linux') {
    const { ok, output } = await run({ command: 'ps', args: ['-o', 'lstart=', '-p', `${pid}`] });
    return ok ? { pid, started: output.trim() } : undefined;
  }
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
    // The second field, in parentheses, may hold blanks; the start time is the 22nd.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
    return { pid, started: `${boot.trim()}/${fields[19]}` };
  } catch {
    return undefined;
  }
}

/** Whether exactly this process still runs. */
export async function isRunning(identity: ProcessIdentity): Promise<boolean> {
  return (await identify(identity.pid))?.started === identity.started;
}

/** The command line of a process, or nothing when it is gone. */
export async function commandOf(pid: number): Promise<string | undefined> {
  if (process.platform !== 'linux') {
    const { ok, output } = await run({ command: 'ps', args: ['-o', 'command=', '-p', `${pid}`] });
    return ok ? output : undefined;
  }
  try {
    // Empty for a process that is gone and that nobody has waited for.
    return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ') || undefined;
  } catch {
    return undefined;
  }
}

/**
 * Ends a process that another one has started. `signal` first, SIGKILL after `graceMs`.
 * Resolves when it is gone.
 */
export async function end(
  identity: ProcessIdentity,
  signal: NodeJS.Signals,
  graceMs: number,
): Promise<void> {
  const killAt = performance.now() + graceMs;
  let next: NodeJS.Signals | undefined = signal;
  while (await isRunning(identity)) {
    if (next !== undefined) {
      process.kill(identity.pid, next);
      process.kill(identity.pid, 'SIGCONT');
    }
    next = performance.now() > killAt ? 'SIGKILL' : undefined;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
