import { type Child, type ChildOptions, run, startChild } from '../../services/local/child.ts';

let canTether: Promise<boolean> | undefined;

/** Words before a command with which the kernel kills it when this process dies; Linux only. */
export const tether = ['setpriv', '--pdeathsig', 'KILL', '--'] as const;

/**
 * A child that does not outlive this process, not even when that is killed with SIGKILL. Where
 * `setpriv` cannot do that, the child ends only when it is stopped.
 */
export async function startTethered(options: ChildOptions): Promise<Child> {
  canTether ??= works();
  if (!(await canTether)) return await startChild(options);
  const [command, ...words] = tether;
  return await startChild({
    ...options,
    command,
    args: [...words, options.command, ...options.args],
  });
}

async function works(): Promise<boolean> {
  if (process.platform !== 'linux') return false;
  const [command, ...words] = tether;
  return (await run({ command, args: [...words, 'true'] })).ok;
}
