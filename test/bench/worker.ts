import { type ChildProcess, fork } from 'node:child_process';
import { z } from 'zod';

const failedMessage = z.object({ kind: z.literal('failed'), message: z.string() });
const readyMessage = z.object({ kind: z.literal('ready') });
const killAfterMs = 5_000;

/** A bench process that this one started and talks to. It ends with this one, however that ends. */
export class Worker {
  readonly name: string;
  readonly pid: number;
  private readonly child: ChildProcess;
  private readonly exited: Promise<void>;
  private readonly listeners = new Set<(message: unknown) => void>();
  private failure: Error | undefined;
  private stopping = false;

  private constructor(name: string, child: ChildProcess, pid: number) {
    this.name = name;
    this.child = child;
    this.pid = pid;
    this.exited = new Promise((resolve) => child.once('exit', () => resolve()));
    child.on('message', (message) => {
      const failed = failedMessage.safeParse(message);
      if (failed.success) this.failure = new Error(`${name} failed: ${failed.data.message}`);
      else for (const listener of this.listeners) listener(message);
    });
    child.on('error', () => {});
  }

  /** Starts a bundle and resolves when it listens to messages. */
  static async start(name: string, bundle: string): Promise<Worker> {
    // In a group of its own, so that a Ctrl-C in the terminal reaches the bench alone.
    const child = fork(bundle, [], {
      detached: true,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      // Not those of this process, which transform TypeScript as it is loaded.
      execArgv: [],
    });
    const worker = new Worker(name, child, child.pid ?? 0);
    await worker.next(readyMessage);
    return worker;
  }

  tell(message: object): void {
    if (this.child.connected) this.child.send(message);
  }

  /** Sends a message and resolves with the first one that `answer` takes. */
  async ask<Answer>(message: object, answer: z.ZodType<Answer>): Promise<Answer> {
    const answered = this.next(answer);
    this.tell(message);
    return await answered;
  }

  /** Rejects when the process ends before it says such a thing. */
  async next<Message>(schema: z.ZodType<Message>): Promise<Message> {
    let listener: (message: unknown) => void = () => undefined;
    const said = new Promise<Message>((resolve) => {
      listener = (message) => {
        const parsed = schema.safeParse(message);
        if (parsed.success) resolve(parsed.data);
      };
    });
    this.listeners.add(listener);
    try {
      return await Promise.race([said, this.ended()]);
    } finally {
      this.listeners.delete(listener);
    }
  }

  async stop(): Promise<void> {
    this.stopping = true;
    this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), killAfterMs);
    await this.exited;
    clearTimeout(timer);
  }

  kill(): void {
    this.stopping = true;
    this.child.kill('SIGKILL');
  }

  private async ended(): Promise<never> {
    await this.exited;
    if (this.failure !== undefined) throw this.failure;
    throw new Error(`${this.name} ended ${this.stopping ? 'because it was stopped' : 'by itself'}`);
  }
}
