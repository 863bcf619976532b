import { errorText } from '@windlass/runtime/failure/error-text.ts';
import { pause } from '@windlass/runtime/failure/retry.ts';
import type { Child, Exit } from '../../../services/local/child.ts';
import type { ContainerSpec } from './pod.ts';
import { aborted, probe } from './probe.ts';

/** Exit codes of a shell: what a signal ended is 128 more than its number. */
const signalNumbers: Readonly<Record<string, number>> = { SIGINT: 2, SIGKILL: 9, SIGTERM: 15 };

export type ContainerState =
  | { readonly waiting: { readonly reason: string; readonly message?: string } }
  | { readonly running: { readonly startedAt: string } }
  | {
      readonly terminated: {
        readonly exitCode: number;
        readonly reason: 'Completed' | 'Error';
        readonly startedAt: string;
        readonly finishedAt: string;
      };
    };

/** Why a container cannot be started now; becomes the reason of its state. */
export class CannotStart extends Error {
  override readonly name = 'CannotStart';
  readonly reason: string;

  constructor(reason: string, message: string) {
    super(message);
    this.reason = reason;
  }
}

export interface BackOff {
  readonly firstMs: number;
  readonly maxMs: number;
}

export interface ContainerOptions {
  readonly spec: ContainerSpec;
  readonly address: string;
  readonly probePeriodMaxMs: number;
  readonly backOff: BackOff;
  /** Undefined for an image that is only pretended to run. */
  readonly launch: () => Promise<Child | undefined>;
  /** Runs a command beside the container's process; gives whether it succeeded. */
  readonly exec: (pid: number, command: readonly string[]) => Promise<boolean>;
  readonly onChange: () => void;
}

/** A container that is started again whenever it ends, until it is stopped. */
export class Container {
  readonly spec: ContainerSpec;
  state: ContainerState = { waiting: { reason: 'ContainerCreating' } };
  lastState: ContainerState | undefined;
  isReady = false;
  isStarted = false;
  restarts = 0;
  private readonly options: ContainerOptions;
  private readonly stopping = new AbortController();
  private child: Child | undefined;
  private hold: { readonly released: Promise<void>; readonly release: () => void } | undefined;
  private done: Promise<void> = Promise.resolve();

  constructor(options: ContainerOptions) {
    this.options = options;
    this.spec = options.spec;
  }

  start(): void {
    this.done = this.run();
  }

  /** The process, while there is one. */
  get process(): Child | undefined {
    return this.child?.running() === true ? this.child : undefined;
  }

  /** Kills it and keeps it from being started again until it is let go. */
  holdDown(): () => void {
    if (this.hold === undefined) {
      let release = () => {};
      const released = new Promise<void>((resolve) => {
        release = resolve;
      });
      this.hold = { released, release };
    }
    const { release } = this.hold;
    this.process?.kill('SIGKILL');
    return () => {
      this.hold = undefined;
      release();
    };
  }

  /** Runs the preStop hook, sends SIGTERM, and SIGKILL when the signal is aborted. */
  async stop(kill: AbortSignal): Promise<void> {
    const child = this.process;
    if (child !== undefined) {
      const killNow = () => child.kill('SIGKILL');
      kill.addEventListener('abort', killNow);
      if (kill.aborted) killNow();
      this.stopping.abort();
      await Promise.race([this.preStop(child, kill), child.exited, aborted(kill)]);
      child.kill('SIGTERM');
      await child.exited;
    }
    this.stopping.abort();
    this.hold?.release();
    await this.done;
  }

  private async preStop(child: Child, kill: AbortSignal): Promise<void> {
    const { exec, sleep } = this.spec.lifecycle?.preStop ?? {};
    if (sleep !== undefined) await pause(sleep.seconds * 1_000, kill);
    if (exec !== undefined) await this.options.exec(child.pid, exec.command);
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    let delayMs = this.options.backOff.firstMs;
    while (!signal.aborted) {
      await this.hold?.released;
      if (signal.aborted) break;
      const child = await this.launched();
      if (child === 'pretended') return await this.pretend();
      if (child !== undefined) {
        const exit = await this.follow(child);
        if (signal.aborted) break;
        this.lastState = this.state;
        this.restarts++;
        const message = `ended with code ${codeOf(exit)}, starting again in ${delayMs} ms`;
        this.become({ waiting: { reason: 'CrashLoopBackOff', message } });
      }
      await pause(delayMs, signal);
      delayMs = Math.min(delayMs * 2, this.options.backOff.maxMs);
    }
  }

  private async launched(): Promise<Child | 'pretended' | undefined> {
    try {
      return (await this.options.launch()) ?? 'pretended';
    } catch (error) {
      const reason = error instanceof CannotStart ? error.reason : 'CreateContainerError';
      const message = errorText(error);
      this.become({ waiting: { reason, message } });
      return undefined;
    }
  }

  private async follow(child: Child): Promise<Exit> {
    this.child = child;
    // Stopped while it was being launched.
    if (this.stopping.signal.aborted) child.kill('SIGKILL');
    const startedAt = new Date().toISOString();
    this.become({ running: { startedAt } });
    const probing = new AbortController();
    const { spec, options } = this;
    const exec = (command: readonly string[]) => options.exec(child.pid, command);
    const { address, probePeriodMaxMs: periodMaxMs } = options;
    const verdicts = {
      started: () => this.set({ isStarted: true }),
      ready: (isReady: boolean) => this.set({ isReady }),
      failed: () => child.kill('SIGTERM'),
    };
    void probe({ spec, address, exec, periodMaxMs }, verdicts, probing.signal);
    const exit = await child.exited;
    probing.abort();
    this.isReady = false;
    this.isStarted = false;
    this.become(terminated(startedAt, codeOf(exit)));
    return exit;
  }

  /** What no program runs for is there and ready at once. */
  private async pretend(): Promise<void> {
    const startedAt = new Date().toISOString();
    this.isReady = true;
    this.isStarted = true;
    this.become({ running: { startedAt } });
    await aborted(this.stopping.signal);
    this.isReady = false;
    this.become(terminated(startedAt, 0));
  }

  private become(state: ContainerState): void {
    this.state = state;
    this.options.onChange();
  }

  private set(change: { readonly isReady?: boolean; readonly isStarted?: boolean }): void {
    const { isReady = this.isReady, isStarted = this.isStarted } = change;
    if (isReady === this.isReady && isStarted === this.isStarted) return;
    this.isReady = isReady;
    this.isStarted = isStarted;
    this.options.onChange();
  }
}

function terminated(startedAt: string, exitCode: number): ContainerState {
  const reason = exitCode === 0 ? 'Completed' : 'Error';
  return { terminated: { exitCode, reason, startedAt, finishedAt: new Date().toISOString() } };
}

function codeOf({ code, signal }: Exit): number {
  return code ?? 128 + (signalNumbers[signal ?? ''] ?? 0);
}
