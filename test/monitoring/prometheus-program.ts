import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { describe } from '@jest/globals';
import { run } from '@windlass/local/child.ts';
import { exists } from '@windlass/local/directory.ts';
import { cacheDirectory } from '@windlass/local/nats-binary.ts';
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
): Promise<PrometheusPrograms | string> {
  const named = env.PROMETHEUS;
  if (named !== undefined && named !== '') {
    const found = await inspect(named, 'named by PROMETHEUS');
    if (typeof found !== 'string') return found;
    throw new Error(`PROMETHEUS names ${named}, but ${found}.`);
  }
  const home = join(cacheDirectory(env), `prometheus-${process.arch}`);
  const reasons: string[] = [];
  for (const step of [() => fromPath(env), () => fromCache(home), () => fromDebian(home)]) {
    const found = await step();
    if (typeof found !== 'string') return found;
    reasons.push(found);
  }
  const remedy = 'put it on the PATH or name it in PROMETHEUS';
  return `there is no Prometheus (${reasons.join('; ')}): ${remedy}`;
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

async function fromPath(env: NodeJS.ProcessEnv): Promise<PrometheusPrograms | string> {
  for (const directory of (env.PATH ?? '').split(delimiter)) {
    const path = join(directory, 'prometheus');
    if (directory !== '' && (await exists(path))) return await inspect(path, 'found on the PATH');
  }
  return 'not on the PATH';
}

async function fromCache(home: string): Promise<PrometheusPrograms | string> {
  const path = join(home, 'usr', 'bin', 'prometheus');
  return (await exists(path)) ? await inspect(path, 'from the cache') : 'not in the cache';
}

/** apt checks the package against the signatures of its source; nothing of it is run but this. */
async function fromDebian(home: string): Promise<PrometheusPrograms | string> {
  const parent = dirname(home);
  await mkdir(parent, { recursive: true });
  const making = await mkdtemp(join(parent, 'making-'));
  const must = async (command: string, args: readonly string[]) => {
    const { ok, output } = await run({ command, args, cwd: making });
    if (!ok) throw new Error(output.trim().split('\n').at(-1) || `${command} failed`);
  };
  try {
    await must('apt-get', ['download', '-qq', 'prometheus']);
    const archive = (await readdir(making)).find((name) => name.endsWith('.deb')) ?? '';
    const tree = join(making, 'tree');
    await must('dpkg-deb', ['-x', archive, tree]);
    await rename(tree, home).catch(async (error: unknown) => {
      // Another process may have been faster.
      if (!(await exists(home))) throw error;
    });
    return await inspect(join(home, 'usr', 'bin', 'prometheus'), 'of the package of Debian');
  } catch (error) {
    return `no package of Debian: ${error instanceof Error ? error.message : String(error)}`;
  } finally {
    await rm(making, { recursive: true, force: true });
  }
}

/** Both programs lie beside each other, and one that does not run is none. */
async function inspect(prometheus: string, how: string): Promise<PrometheusPrograms | string> {
  const promtool = join(dirname(prometheus), 'promtool');
  for (const command of [prometheus, promtool]) {
    const { ok, output } = await run({ command, args: ['--version'] }).catch(() => ({
      ok: false,
      output: 'it cannot be started',
    }));
    const [, major, minor] = /version v?(\d+)\.(\d+)/.exec(output) ?? [];
    if (!ok || major === undefined) return `${command} does not run (${output.trim()})`;
    const found = [Number(major), Number(minor)] as const;
    const isOld = found[0] < minimum[0] || (found[0] === minimum[0] && found[1] < minimum[1]);
    if (isOld) return `${command} ${major}.${minor} is older than ${minimum.join('.')}`;
  }
  return { prometheus, promtool, how };
}
