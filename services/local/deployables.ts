import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ServiceDefinition } from '@windlass/contracts/service.ts';
import { exists, repository } from './directory.ts';

/** A service that can be started: its folder has a `service.ts` and a `main.ts`. */
export interface Deployable {
  readonly service: ServiceDefinition;
  readonly folder: string;
  /** What is built and run. */
  readonly bundle: string;
}

/** Every deployable, by folder, so that a new one needs no entry anywhere. Sorted by port. */
export async function deployables(
  services: string = join(repository, 'services'),
): Promise<readonly Deployable[]> {
  const names = (await readdir(services, { withFileTypes: true })).filter((e) => e.isDirectory());
  const found: Deployable[] = [];
  for (const { name } of names) {
    const folder = join(services, name);
    const definition = join(folder, 'service.ts');
    if (!(await exists(definition)) || !(await exists(join(folder, 'main.ts')))) continue;
    const module: unknown = await import(pathToFileURL(definition).href);
    if (!holdsService(module)) throw new Error(`${definition} does not export a service.`);
    const bundle = join(folder, 'dist', 'main.mjs');
    found.push({ service: module.service, folder, bundle });
  }
  return found.sort((a, b) => a.service.port - b.service.port);
}

/** `defineService` has checked the rest when the module was loaded. */
function holdsService(module: unknown): module is { readonly service: ServiceDefinition } {
  if (typeof module !== 'object' || module === null || !('service' in module)) return false;
  const { service } = module;
  return (
    typeof service === 'object' && service !== null && 'port' in service && 'consumes' in service
  );
}
