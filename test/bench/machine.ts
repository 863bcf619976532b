import { readdir, readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';

/** Linux counts CPU time in hundredths of a second, whatever the kernel's own tick is. */
const tickMicros = 10_000;

/** Processes whose CPU time is told as one figure. */
export interface Group {
  readonly name: string;
  readonly pids: readonly number[];
  /** Whether their children count as well: PostgreSQL has one for each connection. */
  readonly withChildren?: boolean;
}

export interface Usage {
  /** CPU time by group in microseconds. */
  readonly byGroup: ReadonlyMap<string, number>;
  /** Share of the whole machine that was used by others, 0 to 1. */
  readonly others: number;
  /** Share of the whole machine that was used at all, 0 to 1. */
  readonly busy: number;
  readonly seconds: number;
}

/** What had been used when it was taken; two of them make a usage. */
export interface Snapshot {
  readonly at: number;
  readonly byGroup: ReadonlyMap<string, number>;
  readonly busyTicks: number;
}

export interface ProcessTimes {
  readonly parent: number;
  /** Of the process itself, in ticks. */
  readonly own: number;
  /** Of its children that have ended and were waited for, in ticks. */
  readonly reaped: number;
}

/** One line of `/proc/<pid>/stat`. The name, in parentheses, may hold blanks. */
export function parseProcessTimes(stat: string): ProcessTimes {
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const at = (index: number) => fields[index] ?? 0;
  return { parent: at(1), own: at(11) + at(12), reaped: at(13) + at(14) };
}

/** The first line of `/proc/stat`: ticks in which any processor did anything, steal left out. */
export function parseBusyTicks(stat: string): number {
  const [first = ''] = stat.split('\n', 1);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = first
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return user + nice + system + irq + softirq;
}

/** Reads the CPU time of the groups now. A process that is gone counts nothing. */
export async function snapshot(groups: readonly Group[]): Promise<Snapshot> {
  const parents = groups.flatMap((group) => (group.withChildren ? group.pids : []));
  const children = await childrenOf(parents);
  const byGroup = new Map<string, number>();
  for (const { name, pids, withChildren } of groups) {
    let ticks = 0;
    for (const pid of pids) {
      const times = await timesOf(pid);
      ticks += (times?.own ?? 0) + (withChildren ? (times?.reaped ?? 0) : 0);
      for (const child of withChildren ? (children.get(pid) ?? []) : []) ticks += child.own;
    }
    byGroup.set(name, (byGroup.get(name) ?? 0) + ticks * tickMicros);
  }
  const busyTicks = parseBusyTicks(await readFile('/proc/stat', 'utf8'));
  return { at: performance.now(), byGroup, busyTicks };
}

export function usageBetween(before: Snapshot, after: Snapshot): Usage {
  const byGroup = new Map<string, number>();
  let ours = 0;
  for (const [name, micros] of after.byGroup) {
    const used = micros - (before.byGroup.get(name) ?? 0);
    byGroup.set(name, used);
    ours += used;
  }
  const seconds = (after.at - before.at) / 1_000;
  const all = seconds * 1e6 * availableParallelism();
  const busy = (after.busyTicks - before.busyTicks) * tickMicros;
  return { byGroup, seconds, busy: busy / all, others: Math.max(0, (busy - ours) / all) };
}

/** Resident memory in MiB, NaN when the process is gone. */
export async function residentMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN) / 1_024;
}

async function timesOf(pid: number): Promise<ProcessTimes | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  return stat === undefined ? undefined : parseProcessTimes(stat);
}

/** A child that ends after it was read here is also among its parent's reaped: rare and small. */
async function childrenOf(parents: readonly number[]): Promise<Map<number, ProcessTimes[]>> {
  const found = new Map<number, ProcessTimes[]>(parents.map((pid) => [pid, []]));
  if (parents.length === 0) return found;
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const all = await Promise.all(pids.map(timesOf));
  for (const times of all) if (times !== undefined) found.get(times.parent)?.push(times);
  return found;
}
