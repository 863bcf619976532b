import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { failedWith } from './directory.ts';
import { end, identify, isRunning, type ProcessIdentity } from './running.ts';

const identity = z.object({ pid: z.int(), started: z.string() });
const record = z.object({
  launcher: identity,
  children: z.array(identity.extend({ name: z.string() })),
});
type InstanceRecord = z.output<typeof record>;

const graceMs = 20_000;

/** This process's hold on a data directory. */
export interface Instance {
  /** Notes a process, for whoever comes after a launcher that was killed. */
  add(name: string, child: ProcessIdentity): Promise<void>;
  release(): Promise<void>;
}

/**
 * Takes a data directory for this process. Throws one sentence when another launcher uses it.
 * What a launcher that was killed has left running is stopped first, the last started first:
 * services before NATS before PostgreSQL.
 */
export async function takeDirectory(
  directory: string,
  say: (line: string) => void,
): Promise<Instance> {
  await mkdir(directory, { recursive: true });
  const path = join(directory, 'running.json');
  const launcher = await identify(process.pid);
  if (launcher === undefined) throw new Error('This system does not tell when a process started.');
  const mine: InstanceRecord = { launcher, children: [] };
  while (!(await create(path, mine))) {
    const other = await read(path);
    if (other === undefined) continue;
    if (await isRunning(other.launcher)) {
      throw new Error(
        `Another windlass (process ${other.launcher.pid}) uses ${directory}; stop that one first.`,
      );
    }
    for (const child of other.children.toReversed()) {
      if (!(await isRunning(child))) continue;
      say(`stopping ${child.name} (process ${child.pid}), left over from a killed launcher`);
      await end(child, child.name === 'postgres' ? 'SIGINT' : 'SIGTERM', graceMs);
    }
    await removeStale(path, other);
  }
  let writing = Promise.resolve();
  const save = () => {
    writing = writing.then(() => replace(path, mine));
    return writing;
  };
  return {
    async add(name, child) {
      mine.children = [...mine.children.filter((each) => each.name !== name), { name, ...child }];
      await save();
    },
    async release() {
      await writing;
      await rm(path, { force: true });
    },
  };
}

/** Whether the file was not there. It appears with its content: linked, not written. */
async function create(path: string, content: InstanceRecord): Promise<boolean> {
  const temporary = `${path}.${process.pid}`;
  await writeFile(temporary, JSON.stringify(content));
  try {
    await link(temporary, path);
    return true;
  } catch (error) {
    if (failedWith(error, 'EEXIST')) return false;
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
}

async function replace(path: string, content: InstanceRecord): Promise<void> {
  const temporary = `${path}.${process.pid}`;
  await writeFile(temporary, JSON.stringify(content));
  await rename(temporary, path);
}

/** Nothing when it is gone. What cannot be read, after a power cut, belongs to nobody. */
async function read(path: string): Promise<InstanceRecord | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return record.parse(JSON.parse(text));
  } catch {
    return { launcher: { pid: 0, started: '' }, children: [] };
  }
}

/** Moves it away first: of two that find the same stale file only one gets it. */
async function removeStale(path: string, stale: InstanceRecord): Promise<void> {
  const away = `${path}.stale.${process.pid}`;
  await rename(path, away).catch(() => {});
  const moved = await read(away);
  // Between the look and the move another launcher may have taken the directory.
  if (moved !== undefined && moved.launcher.started !== stale.launcher.started) {
    await rename(away, path);
    return;
  }
  await rm(away, { force: true });
}
