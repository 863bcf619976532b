import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { deployables } from '@windlass/local/deployables.ts';
import { repository } from '@windlass/local/directory.ts';
import { basesOf } from '@windlass/local/images-pin.ts';
import { execute } from './kubectl.ts';

const tag = 'ci';
/** Images of others that the manifests name. */
const foreign = ['nats:2.15.1-alpine', 'postgres:15-bookworm'];
const prometheus = `windlass/prometheus:${tag}`;
export const customerImage = `windlass/customer:${tag}`;

export interface BuiltImage {
  readonly name: string;
  /** Of this project's code, as opposed to what a test brings along. */
  readonly own: boolean;
  /** Beyond the base image; 0 when it is not `own`. */
  readonly addedBytes: number;
}

interface Recipe {
  readonly name: string;
  readonly file: string;
  readonly args: readonly string[];
}

/** Everything that the platform runs, with what is on the nodes already when somebody says so. */
export async function imageNames(): Promise<readonly string[]> {
  return [...(await recipes()).map(({ name }) => name), ...foreign];
}

/**
 * Builds the images of this project with buildah, without a registry for their bases. Layers are
 * kept, so that a second build takes seconds. Throws what buildah says when it fails.
 */
export async function buildImages(): Promise<readonly BuiltImage[]> {
  const built: BuiltImage[] = [];
  const bases = await byTag();
  for (const { name, file, args } of await recipes()) {
    const make = [
      ...['bud', '-q', '--layers', '--pull-never', '--isolation', 'chroot'],
      // The authorities that this machine trusts, for whoever fetches packages in a build.
      ...['--volume', '/etc/ssl/certs:/etc/ssl/certs:ro'],
      ...['-f', file, ...bases, ...args, '-t', name, repository],
    ];
    // A build fetches packages, and the network may fail it once. What was made is kept.
    await buildah(...make).catch(() => buildah(...make));
    const own = name !== prometheus;
    built.push({ name, own, addedBytes: own ? await addedBytes(name) : 0 });
  }
  return built;
}

/** The bases without their digests: what stands in for them on this machine has others. */
async function byTag(): Promise<readonly string[]> {
  const bases = basesOf(await readFile(join(repository, 'Dockerfile.base'), 'utf8'));
  return [...bases].flatMap(([name, image]) => ['--build-arg', `${name}=${image}`]);
}

async function recipes(): Promise<readonly Recipe[]> {
  const file = join(repository, 'Dockerfile.base');
  const services = (await deployables()).map(({ folder }) => basename(folder));
  const customer = { name: customerImage, file, args: ['--target', 'customer'] };
  const monitoring = join(import.meta.dirname, 'Dockerfile.prometheus');
  return [
    ...services.map((service) => ({
      name: `windlass/${service}:${tag}`,
      file,
      args: ['--build-arg', `SERVICE=${service}`],
    })),
    customer,
    { name: prometheus, file: monitoring, args: [] },
  ];
}

/** What the last layer has, which is all that a service adds to the base of all of them. */
async function addedBytes(name: string): Promise<number> {
  const container = (await buildah('from', '--pull-never', name)).trim();
  try {
    const folder = (await buildah('mount', container)).trim();
    const { output } = await execute('du', ['-sb', join(folder, 'app')]);
    const bytes = Number.parseInt(output, 10);
    if (!(bytes > 0)) throw new Error(`${name} has nothing in /app.`);
    return bytes;
  } finally {
    await buildah('rm', container);
  }
}

async function buildah(...args: readonly string[]): Promise<string> {
  const { ok, output, errors } = await execute('buildah', args);
  if (!ok) throw new Error(`buildah ${args[0]}: ${errors.trim().slice(-2_000)}`);
  return output;
}
