import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { errorText } from '@windlass/runtime/failure/error-text.ts';

/** Lines of output kept for an error message. */
const keptLines = 20;

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ChildOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Given when this process is root and the child must not be. */
  readonly user?: { readonly uid: number; readonly gid: number };
  readonly onLine?: (line: string) => void;
}

/**
 * A process of its own process group, so that a Ctrl-C in the terminal reaches the launcher
 * alone and the launcher decides in which order things stop.
 */
export interface Child {
  readonly pid: number;
  /** Resolves when the process is gone; never rejects. */
  readonly exited: Promise<Exit>;
  /** Resolves when its output is read to the end, which its own children can delay. */
  readonly drained: Promise<void>;
  /** Whether the process is there; a stopped one (SIGSTOP) is. */
  running(): boolean;
  /** Sends a signal; nothing happens when the process is gone. */
  kill(signal: NodeJS.Signals): void;
  /** Asks with `signal`, and after `graceMs` does not ask any more. */
  stop(signal: NodeJS.Signals, graceMs: number): Promise<Exit>;
  /** The last lines of its output. */
  tail(): string;
}

/** Throws when the program cannot be started at all. */
export async function startChild(options: ChildOptions): Promise<Child> {
  const child = spawn(options.command, [...options.args], {
    cwd: options.cwd,
    env: options.env ?? process.env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    ...options.user,
  });
  const last: string[] = [];
  const onLine = (line: string) => {
    if (last.push(line) > keptLines) last.shift();
    options.onLine?.(line);
  };
  const exited = new Promise<Exit>((resolve) => {
    child.on('exit', (code, signal) => resolve({ code, signal }));
  });
  const pid = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('spawn', () => {
      if (child.pid !== undefined) resolve(child.pid);
    });
  });
  // Later errors are failed signals, and a process that is gone needs none.
  child.on('error', () => {});
  const drained = Promise.all([readLines(child.stdout, onLine), readLines(child.stderr, onLine)]);
  return handle((signal) => child.kill(signal), {
    pid,
    exited,
    drained: drained.then(() => {}),
    tail: () => last.join('\n'),
  });
}

function handle(
  send: (signal: NodeJS.Signals) => void,
  process: Pick<Child, 'pid' | 'exited' | 'drained' | 'tail'>,
): Child {
  const { exited } = process;
  let gone = false;
  void exited.then(() => {
    gone = true;
  });
  const kill = (signal: NodeJS.Signals) => {
    if (!gone) send(signal);
  };
  return {
    ...process,
    kill,
    running: () => !gone,
    async stop(signal, graceMs) {
      kill(signal);
      // A process that was stopped by SIGSTOP sees the signal only after it goes on.
      kill('SIGCONT');
      const timer = setTimeout(() => kill('SIGKILL'), graceMs);
      const exit = await exited;
      clearTimeout(timer);
      return exit;
    },
  };
}

function readLines(stream: Readable, onLine: (line: string) => void): Promise<void> {
  return new Promise((resolve) => {
    createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })
      .on('line', onLine)
      .on('close', () => resolve());
  });
}

/** Runs a program to its end. Resolves with its output whatever its exit code; see `ok`. */
export async function run(
  options: Omit<ChildOptions, 'onLine'>,
): Promise<{ readonly ok: boolean; readonly output: string }> {
  const lines: string[] = [];
  try {
    const child = await startChild({ ...options, onLine: (line) => lines.push(line) });
    const { code } = await child.exited;
    await child.drained;
    return { ok: code === 0, output: lines.join('\n') };
  } catch (error) {
    return { ok: false, output: errorText(error) };
  }
}
