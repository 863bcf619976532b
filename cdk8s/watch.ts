import { spawn } from 'node:child_process';
import { type FSWatcher, readdirSync, watch } from 'node:fs';
import { basename, join, relative } from 'node:path';

/** An editor writes a file in several steps. */
const settleMs = 100;

/**
 * Runs the command once, and again whenever a source of manifests has changed, each time in a
 * process of its own: a module that is loaded stays as it was. Ends with the signal, after the
 * command that is under way.
 */
export async function rerun(
  root: string,
  command: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  let wake: () => void = () => {};
  let isChanged = true;
  const changed = () => {
    isChanged = true;
    wake();
  };
  const folders = new WatchedFolders(root, changed);
  signal.addEventListener('abort', () => wake());
  try {
    while (!signal.aborted) {
      if (isChanged) {
        await new Promise((resolve) => setTimeout(resolve, settleMs));
        isChanged = false;
        folders.refresh();
        await run(root, command);
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    folders.close();
  }
}

/** Each folder with sources, also one that is made meanwhile. */
class WatchedFolders {
  private readonly root: string;
  private readonly changed: () => void;
  private readonly watchers = new Map<string, FSWatcher>();

  constructor(root: string, changed: () => void) {
    this.root = root;
    this.changed = changed;
    this.refresh();
  }

  refresh(): void {
    const folders = new Set([
      ...foldersBelow(join(this.root, 'cdk8s')),
      ...foldersBelow(join(this.root, 'services', 'contracts')),
      ...subfolders(join(this.root, 'services')),
    ]);
    for (const folder of folders) {
      if (this.watchers.has(folder)) continue;
      const watcher = watch(folder, (_, name) => {
        if (isSource(relative(this.root, folder), name ?? '')) this.changed();
      });
      // It is gone: its parent tells of that.
      watcher.on('error', () => {
        watcher.close();
        this.watchers.delete(folder);
      });
      this.watchers.set(folder, watcher);
    }
  }

  close(): void {
    for (const watcher of this.watchers.values()) watcher.close();
  }
}

/** Of a service, only what it says of itself. A name without an ending may be a new folder. */
export function isSource(folder: string, name: string): boolean {
  if (!name.endsWith('.ts')) return !name.includes('.');
  const isInside = folder.startsWith('cdk8s') || folder.startsWith('services/contracts');
  return isInside ? !name.endsWith('.test.ts') : basename(name) === 'service.ts';
}

function subfolders(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(folder, name));
}

function foldersBelow(folder: string): readonly string[] {
  return [folder, ...subfolders(folder).flatMap(foldersBelow)];
}

/** What is wrong with the sources stands on the terminal; the next change may mend it. */
function run(root: string, [program = '', ...args]: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: root, stdio: 'inherit' });
    child.once('error', reject);
    child.once('exit', () => resolve());
  });
}
