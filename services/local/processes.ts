import { type Child, type Exit, startChild } from './child.ts';
import { identify, type ProcessIdentity } from './running.ts';

const backoffFirstMs = 500;
const backoffMaxMs = 30_000;
/** A process that ran for longer than this starts with the first backoff again. */
const steadyMs = 60_000;
const stopMs = 30_000;
const keptLines = 1_000;
const readyPollMs = 50;

export interface ProcessOptions {
  /** Unique among the processes of a platform. */
  readonly name: string;
  readonly service: string;
  readonly bundle: string;
  /** What the process may use in all; its heap gets half of it. */
  readonly memoryMiB: number;
  readonly port: number;
  readonly opsPort: number;
  readonly env: NodeJS.ProcessEnv;
  /** Whether to start it again when it ends by itself or is killed. */
  readonly keepRunning: boolean;
  readonly onLine: (name: string, line: string) => void;
  /** Told what becomes of the process, in a sentence. */
  readonly say: (level: 'info' | 'warn', line: string) => void;
  /** Told after every start. */
  readonly onStarted: (name: string, identity: ProcessIdentity) => Promise<void>;
}

/** One replica of a service. */
export interface ServiceProcess {
  readonly name: string;
  readonly service: string;
  readonly url: string;
  readonly opsUrl: string;
  /** Of the process that runs now, or ran last. */
  readonly pid: number;
  running(): boolean;
  /** The last lines of its output, over all its starts. */
  lines(): readonly string[];
  kill(signal: NodeJS.Signals): void;
  /** Resolves when the process that runs now is gone. */
  exited(): Promise<Exit>;
  /** Starts it when it is gone, after stopping it (SIGTERM) when it is not. */
  restart(): Promise<void>;
  /** SIGTERM, after 30 s SIGKILL. It is not started again. */
  stop(): Promise<Exit>;
  /** Resolves when the ops port says ready; rejects after `timeoutMs`, or when stopped. */
  ready(timeoutMs: number): Promise<void>;
}

/**
 * Without a limit the heap grows as far as the machine allows, long before it collects. A young
 * generation of 16 MiB takes a tenth of the CPU off a busy service; V8's own threads beyond one
 * only cost memory on a machine that many processes share.
 */
export function v8Flags(memoryMiB: number): readonly string[] {
  const oldSpaceMiB = Math.floor(memoryMiB / 2);
  return [`--max-old-space-size=${oldSpaceMiB}`, '--max-semi-space-size=16', '--v8-pool-size=1'];
}

/** Resolves when the process is there; see `ready` for when it works. */
export async function startService(options: ProcessOptions): Promise<ServiceProcess> {
  const started = new Supervised(options);
  await started.start();
  return started;
}

class Supervised implements ServiceProcess {
  readonly name: string;
  readonly service: string;
  readonly url: string;
  readonly opsUrl: string;
  private readonly options: ProcessOptions;
  private readonly kept: string[] = [];
  private current: Child | undefined;
  private startedAt = 0;
  private failures = 0;
  private stopping = false;
  private again: NodeJS.Timeout | undefined;
  private replacing: Promise<void> = Promise.resolve();

  constructor(options: ProcessOptions) {
    this.options = options;
    this.name = options.name;
    this.service = options.service;
    this.url = `http://127.0.0.1:${options.port}`;
    this.opsUrl = `http://127.0.0.1:${options.opsPort}`;
  }

  get pid(): number {
    return this.child.pid;
  }

  running(): boolean {
    return this.child.running();
  }

  lines(): readonly string[] {
    return this.kept;
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  exited(): Promise<Exit> {
    return this.child.exited;
  }

  async start(): Promise<void> {
    const { bundle, env, memoryMiB, onLine, onStarted } = this.options;
    this.startedAt = performance.now();
    const child = await startChild({
      command: process.execPath,
      args: [...v8Flags(memoryMiB), bundle],
      env,
      onLine: (line) => {
        if (this.kept.push(line) > keptLines) this.kept.shift();
        onLine(this.name, line);
      },
    });
    this.current = child;
    void child.exited.then((exit) => this.ended(exit));
    const identity = await identify(child.pid);
    if (identity !== undefined) await onStarted(this.name, identity);
  }

  async restart(): Promise<void> {
    await this.stop();
    this.stopping = false;
    await this.start();
  }

  async stop(): Promise<Exit> {
    this.stopping = true;
    clearTimeout(this.again);
    await this.replacing;
    return await this.child.stop('SIGTERM', stopMs);
  }

  async ready(timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (!(await isReady(this.options.opsPort))) {
      const { name, child } = this;
      if (this.stopping || (!this.options.keepRunning && !child.running())) {
        await child.drained;
        throw new Error(`${name} ended before it was ready:\n${child.tail()}`);
      }
      if (performance.now() > deadline) {
        throw new Error(`${name} is not ready after ${timeoutMs / 1_000} s:\n${child.tail()}`);
      }
      await new Promise((resolve) => setTimeout(resolve, readyPollMs));
    }
  }

  private get child(): Child {
    if (this.current === undefined) throw new Error(`${this.name} is not started.`);
    return this.current;
  }

  private ended({ code, signal }: Exit): void {
    const { name, options } = this;
    if (this.stopping || !options.keepRunning) return;
    if (performance.now() - this.startedAt > steadyMs) this.failures = 0;
    const delay = Math.min(backoffFirstMs * 2 ** this.failures++, backoffMaxMs);
    options.say(
      'warn',
      `${name} ended (${signal ?? `code ${code}`}); starting again in ${delay} ms`,
    );
    this.again = setTimeout(() => {
      this.replacing = this.start().catch((error: unknown) => {
        options.say('warn', `${name} cannot be started again: ${String(error)}`);
      });
    }, delay);
  }
}

async function isReady(opsPort: number): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(2_000);
    const answer = await fetch(`http://127.0.0.1:${opsPort}/readyz`, { signal });
    await answer.arrayBuffer();
    return answer.ok;
  } catch {
    return false;
  }
}
