import type { Bench } from './bench-context.ts';
import { type LoadResult, type LoadSpec, loadPhase, loadResult } from './generator/load.ts';
import { Histogram } from './histogram.ts';
import { type Group, residentMiB, snapshot, type Usage, usageBetween } from './machine.ts';

/** What the generator may cost, in microseconds of CPU for each request. */
export const generatorMaxMicros = 15;
/**
 * At a low rate each request is a wake-up of its own, which costs more but takes nothing from
 * anybody: a run counts as long as the generator takes less than this share of one processor.
 */
export const generatorFreeShare = 0.1;
const residentEveryMs = 500;

export type LoadOptions = Partial<Omit<LoadSpec, 'kind' | 'run'>> &
  Pick<LoadSpec, 'port' | 'mode' | 'connections' | 'warmMs' | 'runMs'>;

export interface LoadedRun {
  readonly load: LoadResult;
  readonly run: number;
  /** Of the measured part. */
  readonly usage: Usage;
  /** Most resident memory of each process while it ran, in MiB. */
  readonly residentMiB: Readonly<Record<string, number>>;
  readonly latency: Histogram;
  readonly generatorMicros: number;
  readonly valid: boolean;
}

/** Runs the generator once and looks at what everybody used meanwhile. */
export async function runLoad(
  bench: Bench,
  name: string,
  groups: readonly Group[],
  options: LoadOptions,
  onPhase: (phase: 'begin' | 'end') => Promise<void> = async () => undefined,
): Promise<LoadedRun> {
  const { generator } = bench;
  const run = bench.results.nextRun();
  const all = [
    ...groups,
    { name: 'generator', pids: [generator.pid] },
    { name: 'bench', pids: [process.pid] },
  ];
  const resident = watchResident(groups);
  const spec: LoadSpec = {
    kind: 'load',
    run,
    rate: 0,
    hot: false,
    precise: false,
    napMs: 0,
    timed: false,
    ...options,
  };
  const result = generator.ask(spec, loadResult);
  // Its failure is seen below; until then it must not count as unhandled.
  result.catch(() => {});
  try {
    await generator.next(loadPhase);
    const before = await snapshot(all);
    await onPhase('begin');
    await generator.next(loadPhase);
    const after = await snapshot(all);
    await onPhase('end');
    return judged(bench, name, run, await result, usageBetween(before, after), resident.stop());
  } catch (error) {
    // The next run must not begin while this one still sends.
    await result.catch(() => {});
    throw error;
  } finally {
    resident.stop();
  }
}

function judged(
  bench: Bench,
  name: string,
  run: number,
  load: LoadResult,
  usage: Usage,
  memory: Readonly<Record<string, number>>,
): LoadedRun {
  const generatorMicros = load.cpuMicros / Math.max(1, load.answered);
  const share = load.cpuMicros / 1e6 / load.seconds;
  const isCheap = generatorMicros <= generatorMaxMicros;
  const valid = isCheap || share < generatorFreeShare;
  if (valid && !isCheap) bench.results.costlyGenerator.add(name);
  bench.say(`${name}: ${lineOf(load, usage, generatorMicros)}${valid ? '' : ' INVALID'}`);
  return {
    load,
    run,
    usage,
    residentMiB: memory,
    latency: Histogram.of(load.latency),
    generatorMicros,
    valid,
  };
}

/** Answers that say nothing: the order may have been accepted or not. */
export const unknownOf = ({ load }: LoadedRun): number => load.statuses['0'] ?? 0;
export const acceptedOf = ({ load }: LoadedRun): number => load.statuses['202'] ?? 0;

function lineOf(load: LoadResult, usage: Usage, micros: number): string {
  const rate = Math.round(load.accepted / load.seconds);
  const latency = Histogram.of(load.latency);
  const [p50, p99] = [0.5, 0.99].map((share) => (latency.percentile(share) / 1_000).toFixed(1));
  const statuses = Object.entries(load.statuses).map(([status, count]) => `${status}: ${count}`);
  return (
    `${rate} accepted/s, p50 ${p50} ms, p99 ${p99} ms (${statuses.join(', ')}), generator ` +
    `${micros.toFixed(1)} µs a request, other load ${(usage.others * 100).toFixed(0)} %`
  );
}

function watchResident(groups: readonly Group[]): { stop(): Record<string, number> } {
  const most: Record<string, number> = {};
  const look = async () => {
    for (const { name, pids, withChildren } of groups) {
      // PostgreSQL's processes share most of their memory: a sum would say nothing.
      if (withChildren) continue;
      for (const pid of pids) {
        const now = await residentMiB(pid);
        most[name] = Math.max(most[name] ?? 0, Number.isNaN(now) ? 0 : now);
      }
    }
  };
  const timer = setInterval(() => void look(), residentEveryMs);
  return {
    stop() {
      clearInterval(timer);
      return most;
    },
  };
}
