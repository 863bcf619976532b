import { mkdir, readdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '@windlass/local/child.ts';
import { repository } from '@windlass/local/directory.ts';

/** What a service is made of, besides the packages. */
const sources = ['package.json', 'tsconfig.json', 'services'];

/** Releases from before it migrated when they started, and nobody ran two of them side by side. */
export const migrationStep = 'services/runtime/migration-run.ts';

/** The commit that was released before the code of this tree. */
export interface PreviousRelease {
  readonly commit: string;
}

/**
 * Finds the newest commit whose services are not those of this tree: the last commit when
 * something is changed since, otherwise the parent of the last one that changed them. Resolves
 * with the reason when there is none to be had, as in a clone without history.
 */
export async function previousRelease(
  tree: string = repository,
): Promise<PreviousRelease | string> {
  const changed = await git(tree, 'status', '--porcelain', '--', 'services');
  if (!changed.ok) return `git does not know this tree: ${changed.output.split('\n').pop()}`;
  const last = await git(tree, 'log', '-1', '--format=%H', '--', 'services');
  // A clone that has not all of the history takes its oldest commit for one that changed it all.
  const wanted = changed.output !== '' ? ['HEAD'] : [`${last.output}~1`, 'HEAD~1'];
  for (const name of wanted) {
    const { ok, output } = await git(tree, 'rev-parse', '--verify', '--quiet', `${name}^{commit}`);
    if (!ok) continue;
    const knows = await git(tree, 'cat-file', '-e', `${output}:${migrationStep}`);
    return knows.ok ? { commit: output } : `${output} has no migrations as a step of their own`;
  }
  return 'this clone has no earlier commit: it is its first, or was fetched without history';
}

/**
 * Writes the services of a release below `folder` and bundles them with what is installed here.
 * Resolves with where the bundle of a service stands; throws what could not be done.
 */
export async function buildRelease(
  { commit }: PreviousRelease,
  folder: string,
): Promise<(service: string) => string> {
  const archive = `${folder}.tar`;
  await expectOk(git(repository, 'archive', `--output=${archive}`, commit, ...sources));
  await mkdir(folder, { recursive: true });
  await expectOk(run({ command: 'tar', args: ['-xf', archive, '-C', folder] }));
  await linkPackages(folder);
  const args = ['--import', 'tsx', join('services', 'local', 'build.ts')];
  const { NODE_OPTIONS: _, ...env } = process.env;
  await expectOk(run({ command: process.execPath, args, cwd: folder, env }));
  return (service) => join(folder, 'services', service, 'dist', 'main.mjs');
}

/** The packages of others are those of this tree, the workspaces those of the release. */
async function linkPackages(folder: string): Promise<void> {
  const [installed, packages] = [join(repository, 'node_modules'), join(folder, 'node_modules')];
  await mkdir(join(packages, '@windlass'), { recursive: true });
  for (const name of await readdir(installed)) {
    if (name !== '@windlass') await symlink(join(installed, name), join(packages, name));
  }
  for (const name of await readdir(join(folder, 'services'))) {
    await symlink(join(folder, 'services', name), join(packages, '@windlass', name));
  }
}

/** Also in a tree that belongs to another user, which git would not look at. */
function git(tree: string, ...args: readonly string[]) {
  const command = ['-c', `safe.directory=${tree}`, ...args];
  return run({ command: 'git', args: command, cwd: tree });
}

async function expectOk(work: ReturnType<typeof run>): Promise<void> {
  const { ok, output } = await work;
  if (!ok) throw new Error(`The previous release cannot be built:\n${output}`);
}
