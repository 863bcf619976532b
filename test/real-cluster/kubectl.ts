import { execFile } from 'node:child_process';

const outputBytesMax = 64 * 1_024 * 1_024;
/** The slowest that is run is a build that fetches what it needs. */
const programMs = 15 * 60_000;
/** Nothing that is asked of a cluster takes longer, but for what waits, which says so itself. */
const answerMs = 2 * 60_000;
/** More than what a waiting kubectl is told itself, so that it tells why it gave up. */
const graceMs = 30_000;

export interface Finished {
  readonly ok: boolean;
  readonly output: string;
  readonly errors: string;
}

/** Runs a program to its end, whatever its exit code. `input` is given to it as its input. */
export function execute(
  command: string,
  args: readonly string[],
  options: {
    readonly env?: NodeJS.ProcessEnv;
    readonly input?: string;
    readonly cwd?: string;
    /** After which it is ended and counts as failed. A quarter of an hour. */
    readonly withinMs?: number;
  } = {},
): Promise<Finished> {
  return new Promise((resolve) => {
    const child = execFile(
      command,
      [...args],
      {
        cwd: options.cwd,
        env: options.env ?? process.env,
        maxBuffer: outputBytesMax,
        timeout: options.withinMs ?? programMs,
      },
      (error, output, errors) =>
        resolve({ ok: error === null, output, errors: errors || (error?.message ?? '') }),
    );
    // Its exit code tells what becomes of a program that does not read its input.
    child.stdin?.on('error', () => {});
    child.stdin?.end(options.input ?? '');
  });
}

/** One cluster, as its kubectl sees it. */
export class Kubectl {
  private readonly command: string;
  private readonly env: NodeJS.ProcessEnv;

  constructor(command: string, kubeconfig: string | undefined) {
    this.command = command;
    this.env = kubeconfig === undefined ? process.env : { ...process.env, KUBECONFIG: kubeconfig };
  }

  /** Whatever becomes of it, within two minutes. */
  async attempt(...args: readonly string[]): Promise<Finished> {
    return await execute(this.command, args, { env: this.env, withinMs: answerMs });
  }

  /** Its output. Throws what it complains of when it fails. */
  async run(...args: readonly string[]): Promise<string> {
    return this.outputOf(args, await this.attempt(...args));
  }

  /** Its output, once what it waits for is there. Throws as `run` does, also when that is late. */
  async wait(withinMs: number, ...args: readonly string[]): Promise<string> {
    const bounded = [...args, `--timeout=${Math.ceil(withinMs / 1_000)}s`];
    const options = { env: this.env, withinMs: withinMs + graceMs };
    return this.outputOf(bounded, await execute(this.command, bounded, options));
  }

  /** Applies objects. Throws as `run` does. */
  async apply(...objects: readonly object[]): Promise<void> {
    const input = objects.map((object) => JSON.stringify(object)).join('\n---\n');
    const args = ['apply', '--server-side', '--force-conflicts', '-f', '-'];
    this.outputOf(args, await execute(this.command, args, { env: this.env, input }));
  }

  /** What it prints as JSON. The caller knows the form of what it asks for. */
  async json(...args: readonly string[]): Promise<unknown> {
    return JSON.parse(await this.run(...args, '-o', 'json'));
  }

  private outputOf(args: readonly string[], { ok, output, errors }: Finished): string {
    if (ok) return output;
    throw new Error(`kubectl ${args.join(' ')}: ${errors.trim().slice(0, 2_000)}`);
  }
}
