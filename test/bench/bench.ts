import { setMaxListeners } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { buildServices } from '@windlass/local/build.ts';
import { temporaryDirectory } from '@windlass/local/directory.ts';
import { errorText } from '@windlass/runtime/failure/error-text.ts';
import { z } from 'zod';
import type { Bench } from './bench-context.ts';
import { buildBundles } from './bundles.ts';
import { full, quick } from './durations.ts';
import { report } from './report.ts';
import { Results } from './results.ts';
import { runScenes, sceneNames } from './scenes.ts';
import { Worker } from './worker.ts';

const help = `npm run bench [-- flags]     how fast the platform is, as ratios

  --json FILE         write every figure to FILE
  --only NAME[,NAME]  measure only these: ${sceneNames.join(', ')}
  --quick             short runs, to see that it works; the figures mean little
  --profile DIR       write CPU profiles to DIR, of accepting and of the peak
  --help              this text

It takes ten minutes and wants the machine for itself: close what else is running. Everything
is in temporary directories. It ends with an error when money or stock was wrong after a run or
when a run was invalid; a target that is missed is only reported.
`;
const flags = {
  json: { type: 'string' },
  only: { type: 'string' },
  quick: { type: 'boolean' },
  profile: { type: 'string' },
  help: { type: 'boolean' },
} as const;
const listening = z.object({ kind: z.literal('listening'), port: z.int() });

async function main(): Promise<number> {
  const { values } = parseArgs({ options: flags });
  if (values.help === true) {
    process.stdout.write(help);
    return 0;
  }
  const wanted = new Set(values.only?.split(',') ?? sceneNames);
  const unknown = [...wanted].filter((name) => !sceneNames.some((known) => known === name));
  if (unknown.length > 0) throw new Error(`There is no ${unknown.join(' or ')}; see --help.`);
  const results = new Results();
  const abort = abortOnSignals();
  const profiles = values.profile === undefined ? undefined : resolve(values.profile);
  if (profiles !== undefined) await mkdir(profiles, { recursive: true });
  const setting = { results, durations: values.quick === true ? quick : full, profiles, ...abort };
  const started = performance.now();
  await withBench({ ...setting, say: sayer(started) }, (bench) => runScenes(bench, wanted));
  if (abort.signal.aborted) return 130;
  const seconds = (performance.now() - started) / 1_000;
  process.stdout.write(`${report(results)}It took ${Math.round(seconds)} s.\n`);
  if (values.json !== undefined) {
    const text = JSON.stringify({ ...results.toJSON(), seconds }, null, 2);
    await writeFile(values.json, `${text}\n`);
  }
  return results.broken.length + results.invalid.length > 0 ? 1 : 0;
}

type Setting = Omit<Bench, 'directory' | 'bundles' | 'generator' | 'bare'>;

/** Everything that is started here is stopped here, whatever happens between. */
async function withBench(setting: Setting, work: (bench: Bench) => Promise<void>): Promise<void> {
  const directory = await temporaryDirectory();
  const workers: Worker[] = [];
  const start = async (name: string, bundle: string) => {
    const worker = await Worker.start(name, bundle);
    workers.push(worker);
    return worker;
  };
  try {
    setting.say('building');
    await buildServices();
    const bundles = await buildBundles(join(directory.path, 'bundles'));
    const generator = await start('generator', bundles.generator);
    const worker = await start('bare HTTP server', bundles.bare);
    const { port } = await worker.ask({}, listening);
    // What waits for an answer of the generator would otherwise wait to the end of its run.
    setting.signal.addEventListener('abort', () => generator.kill());
    await work({
      ...setting,
      directory: directory.path,
      bundles,
      generator,
      bare: { worker, port },
    });
  } catch (error) {
    if (!setting.signal.aborted) throw error;
  } finally {
    await Promise.all(workers.map((worker) => worker.stop()));
    await directory.remove();
  }
}

/** The first signal ends what is under way, a second one kills what does not stop. */
function abortOnSignals(): { readonly signal: AbortSignal; readonly force: AbortSignal } {
  const [abort, force] = [new AbortController(), new AbortController()];
  // Every process that is waited for listens to it.
  for (const { signal } of [abort, force]) setMaxListeners(0, signal);
  const sameRequestMs = 500;
  let askedAt = Number.NEGATIVE_INFINITY;
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      // npm passes on the Ctrl-C that the terminal has already sent to everybody.
      if (performance.now() - askedAt < sameRequestMs) return;
      askedAt = performance.now();
      if (abort.signal.aborted) force.abort();
      abort.abort(new Error('stopped'));
    });
  }
  return { signal: abort.signal, force: force.signal };
}

function sayer(started: number): (line: string) => void {
  return (line) => {
    const seconds = ((performance.now() - started) / 1_000).toFixed(0).padStart(4);
    process.stdout.write(`${seconds} s  ${line}\n`);
  };
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${errorText(error)}\n`);
  process.exitCode = 1;
}
