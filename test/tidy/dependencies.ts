import { dirname } from 'node:path';
import { z } from 'zod';
import { isTest, read, tableRows } from './tree.ts';

/** One direct dependency, as CONTRIBUTING.md lists it. */
export interface Dependency {
  readonly name: string;
  readonly why: string;
  /** Folders whose files import it, files that name it, a package that loads it, or `tests`. */
  readonly users: readonly string[];
}

export const listed: readonly Dependency[] = tableRows(read('CONTRIBUTING.md'), 'Dependencies').map(
  ([name = '', why = '', users = '']) => ({ name, why, users: users.split(', ') }),
);

const versions = z.record(z.string(), z.string());
const description = z.object({
  dependencies: versions,
  devDependencies: versions,
  scripts: z.record(z.string(), z.string()),
});
/** The description of the project itself. */
export const project = description.parse(JSON.parse(read('package.json')));
export const direct: Readonly<Record<string, string>> = {
  ...project.dependencies,
  ...project.devDependencies,
};

const lock = z.object({
  packages: z.record(
    z.string(),
    z.object({
      resolved: z.string().optional(),
      hasInstallScript: z.boolean().optional(),
      optionalDependencies: versions.optional(),
    }),
  ),
});
/** Every installed package by its folder. */
export const installed = lock.parse(JSON.parse(read('package-lock.json'))).packages;

/** Whether a file may import it: only those of the folder that the list names. */
export function mayUse({ users }: Dependency, path: string): boolean {
  return users.some((user) => (user === 'tests' ? isTest(path) : isBelow(path, user)));
}

function isBelow(path: string, folder: string): boolean {
  return dirname(path) === folder || path.startsWith(`${folder}/`);
}

/** Users of a dependency that do not use it. */
export function idleUsers(
  { name, users }: Dependency,
  imports: ReadonlyMap<string, readonly string[]>,
): string[] {
  const importers = [...imports].filter(([, targets]) => targets.includes(name));
  return users.filter((user) => {
    // A folder may have the name of a package.
    if (importers.some(([path]) => isBelow(path, user))) return false;
    if (user === 'tests') return !importers.some(([path]) => isTest(path));
    if (direct[user] !== undefined) return !isLoadedBy(name, user);
    if (user === 'package.json') return !runs(name);
    if (/\.(json|mjs)$/.test(user)) return !read(user).includes(name.replace('@types/', ''));
    return true;
  });
}

/** Types belong to the package of that name; other packages are loaded as peers. */
function isLoadedBy(name: string, user: string): boolean {
  if (name === `@types/${user}`) return true;
  const peers = z
    .object({ peerDependencies: versions })
    .safeParse(JSON.parse(read(`node_modules/${user}/package.json`)));
  return peers.data?.peerDependencies[name] !== undefined;
}

function runs(name: string): boolean {
  return Object.values(project.scripts).some((command) => command.includes(name));
}
