import type { ServiceDefinition } from '@windlass/contracts/service.ts';
import type { Config } from './config.ts';
import { errorText } from './failure/error-text.ts';
import { createLogger } from './telemetry/log.ts';

/** `migrate`: bring the schema up to date and end; `run`: everything else. */
export type Invocation = 'run' | 'migrate';

/**
 * What the command line of a service asks for. Throws one sentence when that is neither, so that
 * a slip in a manifest does not start a service where a step was meant.
 */
export function invocationOf(
  { name }: Pick<ServiceDefinition, 'name'>,
  args: readonly string[] = process.argv.slice(2),
): Invocation {
  if (args.length === 0) return 'run';
  if (args.length === 1 && args[0] === 'migrate') return 'migrate';
  throw new Error(`${name}: migrate is the only argument that there is.`);
}

/**
 * Runs a program without a database, for which `migrate` has nothing to do and says so. What is
 * thrown ends it with 1 and one sentence.
 */
export async function runProgram(
  service: Pick<ServiceDefinition, 'name'>,
  run: () => Promise<void>,
): Promise<void> {
  await orExit(async () => {
    if (invocationOf(service) === 'run') return await run();
    process.stdout.write(`${service.name}: there is no database to migrate.\n`);
  });
}

/** One line of the log: a program serves, and how long it took from the start of its process. */
export function logStarted(
  { service, replica, version, ...config }: Config,
  ports: { readonly port: number; readonly opsPort: number },
): void {
  const { enabled, logLevel: level, logFile: file } = config.telemetry;
  const startMs = Math.round(performance.now());
  createLogger({ service, replica, level, file, enabled }).info(
    { ...ports, version, startMs },
    'started',
  );
}

/** Ends the process with 1 and the sentence of what is thrown, and nothing else. */
export async function orExit<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    process.stderr.write(`${errorText(error)}\n`);
    process.exit(1);
  }
}
