import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { ServiceDefinition } from '@windlass/contracts/service.ts';
import { type EnvironmentName, environmentNames } from './environments.ts';
import { chartOutput } from './helm/chart.ts';
import { differences, type Output, write } from './output.ts';
import { rendered } from './rendering.ts';

export interface Command {
  readonly names: readonly EnvironmentName[];
  /** Whether to say what differs instead of writing it. */
  readonly isCheck: boolean;
  readonly isWatch: boolean;
}

/** Throws one sentence when it is not understood. */
export function commandOf(args: readonly string[]): Command {
  const { env, check, watch } = valuesOf(args);
  if (check && watch) throw new Error('Either --check or --watch: a check writes nothing.');
  return { names: namesOf(env), isCheck: check, isWatch: watch };
}

/**
 * Renders and writes what has changed, or only says it. Resolves with the lines to print and
 * whether all is as it should be. Rejects with one sentence, and nothing is written then.
 */
export async function synth(
  { names, isCheck }: Command,
  services: readonly ServiceDefinition[],
  root: string,
): Promise<{ readonly lines: readonly string[]; readonly isFine: boolean }> {
  const outputs: readonly (readonly [folder: string, output: Output])[] = [
    ['k8s', rendered(names, services)],
    // The chart is another form of production.
    ...(names.includes('prod') ? [['charts', chartOutput(services)] as const] : []),
  ];
  const lines: string[] = [];
  for (const [folder, output] of outputs) {
    const found = await differences(join(root, folder), output);
    if (!isCheck) await write(join(root, folder), output, found);
    lines.push(...found.map(({ path, state }) => `${state} ${folder}/${path}`));
  }
  return { lines, isFine: !isCheck || lines.length === 0 };
}

function valuesOf(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        env: { type: 'string', default: 'all' },
        check: { type: 'boolean', default: false },
        watch: { type: 'boolean', default: false },
      },
    }).values;
  } catch {
    const usage = '[--env dev|ci|prod|all] [--check] [--watch]';
    throw new Error(`${args.join(' ')} is not understood: npm run synth -- ${usage}.`);
  }
}

function namesOf(env: string): readonly EnvironmentName[] {
  if (env === 'all') return environmentNames;
  const found = environmentNames.filter((name) => name === env);
  if (found.length > 0) return found;
  throw new Error(
    `There is no environment ${env}: it is one of ${environmentNames.join(', ')}, all.`,
  );
}
