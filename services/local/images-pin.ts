import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorText } from '@windlass/runtime/failure/error-text.ts';
import { repository } from './directory.ts';
import { digestOf } from './image-registry.ts';

/** `ARG NODE_BUILD=docker.io/library/node:24-bookworm-slim@sha256:…`, the digest or not. */
const base = /^(ARG \w+=)([\w.-]+(?::\d+)?\/[\w./-]+:[\w.-]+)(?:@sha256:[0-9a-f]{64})?$/gm;

/** The images that a Dockerfile takes as its bases, by the argument that names them. */
export function basesOf(dockerfile: string): ReadonlyMap<string, string> {
  const found = [...dockerfile.matchAll(base)];
  return new Map(found.map(([, before = '', image = '']) => [before.slice(4, -1), image]));
}

/**
 * The same Dockerfile with the digest of each of its bases behind the tag, so that a build tomorrow
 * starts from the same bytes. Throws when one digest cannot be had: half of it would be no promise.
 */
export async function pinned(
  dockerfile: string,
  resolve: (image: string) => Promise<string> = digestOf,
): Promise<string> {
  const images = new Set(basesOf(dockerfile).values());
  if (images.size === 0) throw new Error('The Dockerfile names no base image by a tag.');
  const digests = new Map<string, string>();
  for (const image of images) digests.set(image, await resolve(image));
  return dockerfile.replace(
    base,
    (_, before: string, image: string) => `${before}${image}@${digests.get(image)}`,
  );
}

if (process.argv[1] === import.meta.filename) {
  const file = join(repository, 'Dockerfile.base');
  try {
    const before = await readFile(file, 'utf8');
    const after = await pinned(before);
    if (after !== before) await writeFile(file, after);
    for (const line of after.split('\n').filter((each) => each.startsWith('ARG NODE_'))) {
      process.stdout.write(`${line.slice('ARG '.length)}\n`);
    }
  } catch (error) {
    process.stderr.write(`${errorText(error)}\n`);
    process.exitCode = 1;
  }
}
