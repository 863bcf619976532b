import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe } from '@jest/globals';
import { exists } from '@windlass/local/directory.ts';
import {
  cacheDirectory,
  type Found,
  firstFound,
  must,
  namedBy,
  onPath,
  orWhyNot,
  placed,
  versionOf,
} from '@windlass/local/programs.ts';
import { describeSkipped } from '../cluster/testing.ts';

/** Older ones do not know what the rules and the tests of them say. */
const minimum = [2, 40] as const;

export interface PrometheusPrograms {
  readonly prometheus: string;
  readonly promtool: string;
  /** Where they were found, for a person. */
  readonly how: string;
}

/**
 * Finds Prometheus and its promtool: named by `PROMETHEUS`, on the PATH, fetched before, or of the
 * package of Debian, which is unpacked beside the other programs and not installed. Answers with a
 * sentence where there is none. Two processes may do this at the same time.
 */
export async function resolvePrometheus(
  env: NodeJS.ProcessEnv = process.env,
): Promise<Found<PrometheusPrograms>> {
  const named = await namedBy('PROMETHEUS', env, inspect);
  if (typeof named === 'string') throw new Error(named);
  if (named !== undefined) return named;
  const home = join(cacheDirectory(env), `prometheus-${process.arch}`);
  const found = await firstFound<PrometheusPrograms>([
    async () => (await onPath('prometheus', env, inspect)) ?? 'not on the PATH',
    () => fromCache(home),
    () => fromDebian(home),
  ]);
  if ('prometheus' in found) return found;
  const remedy = 'put it on the PATH or name it in PROMETHEUS';
  return `there is no Prometheus (${found.join('; ')}): ${remedy}`;
}

/** Like `describe` with a real Prometheus; skipped, loudly, where there is none to be had. */
export async function describePrometheus(
  title: string,
  define: (programs: PrometheusPrograms) => void,
): Promise<void> {
  const found = await resolvePrometheus();
  if (typeof found === 'string') describeSkipped(title, found);
  else describe(title, () => define(found));
}

async function fromCache(home: string): Promise<Found<PrometheusPrograms>> {
  const path = join(home, 'usr', 'bin', 'prometheus');
  return (await exists(path)) ? await inspect(path, 'from the cache') : 'not in the cache';
}

/** apt checks the package against the signatures of its source; nothing of it is run but this. */
async function fromDebian(home: string): Promise<Found<PrometheusPrograms>> {
  return await orWhyNot('no package of Debian', async () => {
    await placed(home, async (cwd) => {
      await must({ command: 'apt-get', args: ['download', '-qq', 'prometheus'], cwd });
      const archive = (await readdir(cwd)).find((name) => name.endsWith('.deb')) ?? '';
      const tree = join(cwd, 'tree');
      await must({ command: 'dpkg-deb', args: ['-x', archive, tree], cwd });
      return tree;
    });
    return await inspect(join(home, 'usr', 'bin', 'prometheus'), 'of the package of Debian');
  });
}

/** Both programs lie beside each other, and one that does not run is none. */
async function inspect(prometheus: string, how: string): Promise<Found<PrometheusPrograms>> {
  const promtool = join(dirname(prometheus), 'promtool');
  for (const command of [prometheus, promtool]) {
    const found = await versionOf(command, ['--version'], minimum);
    if (typeof found === 'string') return `${command}: ${found}`;
  }
  return { prometheus, promtool, how };
}
