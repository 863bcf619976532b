import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { repository } from './directory.ts';
import { basesOf, pinned } from './images-pin.ts';

const [first, second] = ['1', '2'].map((digit) => `sha256:${digit.repeat(64)}`);
const dockerfile = [
  'ARG NODE_BUILD=docker.io/library/node:24-bookworm-slim',
  'ARG SERVICE',
  `ARG NODE_RUNTIME=gcr.io/distroless/nodejs24-debian12:nonroot@${first}`,
  'FROM $NODE_BUILD AS build',
].join('\n');

test('every base gets its digest, also one that has another', async () => {
  const text = await pinned(dockerfile, async () => `${second}`);
  expect(text).toContain(`NODE_BUILD=docker.io/library/node:24-bookworm-slim@${second}\n`);
  expect(text).toContain(`NODE_RUNTIME=gcr.io/distroless/nodejs24-debian12:nonroot@${second}\n`);
  expect(await pinned(text, async () => `${second}`)).toBe(text);
});

test('nothing is written when one digest cannot be had', async () => {
  const resolve = async (image: string) => {
    if (image.startsWith('gcr.io/')) throw new Error('The registry gcr.io cannot be reached.');
    return `${second}`;
  };
  await expect(pinned(dockerfile, resolve)).rejects.toThrow('gcr.io cannot be reached');
  await expect(pinned('FROM scratch', resolve)).rejects.toThrow('names no base image by a tag');
});

test('the images of the services have two bases, each with an exact tag', async () => {
  const bases = basesOf(await readFile(join(repository, 'Dockerfile.base'), 'utf8'));
  expect([...bases].map(([name, image]) => [name, image.replace(/:.*/, '')])).toEqual([
    ['NODE_BUILD', 'docker.io/library/node'],
    ['NODE_RUNTIME', 'gcr.io/distroless/nodejs24-debian12'],
  ]);
  expect([...bases.values()].filter((image) => image.endsWith(':latest'))).toEqual([]);
});
