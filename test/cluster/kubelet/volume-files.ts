import {
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { KubeApi } from '../kube-api.ts';
import { fieldOf, resourceOf, type Surroundings } from './container-environment.ts';
import type {
  ConfigMap,
  DownwardSource,
  KeysSource,
  Pod,
  ProjectedSource,
  Secret,
  Volume,
} from './pod.ts';

/** The contents of files by their paths in the volume. */
export type Files = ReadonlyMap<string, Buffer>;

/** From where the files of volumes come. */
export interface FileSources {
  readonly api: KubeApi;
  readonly surroundings: Surroundings;
  readonly configMap: (name: string) => ConfigMap | undefined;
  readonly secret: (name: string) => Secret | undefined;
}

/** What is to be in a volume of files. Throws with a sentence when a source is not there. */
export async function filesOf(volume: Volume, pod: Pod, sources: FileSources): Promise<Files> {
  const found = new Map<string, Buffer>();
  for (const source of sourcesOf(volume)) {
    for (const [path, content] of await contentOf(source, pod, sources)) found.set(path, content);
  }
  return found;
}

/** Whether the volume is made of files that others write. */
export function isOfFiles(volume: Volume): boolean {
  return sourcesOf(volume).length > 0;
}

function sourcesOf(volume: Volume): readonly ProjectedSource[] {
  const { configMap, secret, downwardAPI, projected } = volume;
  if (configMap !== undefined) return [{ configMap }];
  if (secret !== undefined) return [{ secret: { ...secret, name: secret.secretName } }];
  if (downwardAPI !== undefined) return [{ downwardAPI }];
  return projected?.sources ?? [];
}

async function contentOf(source: ProjectedSource, pod: Pod, sources: FileSources): Promise<Files> {
  const { configMap, secret, downwardAPI, serviceAccountToken } = source;
  if (configMap !== undefined) {
    const object = sources.configMap(configMap.name);
    const { data = {}, binaryData = {} } = object ?? {};
    const keys = new Map([
      ...Object.entries(data).map(([key, text]) => [key, Buffer.from(text)] as const),
      ...decoded(binaryData),
    ]);
    return chosen(`ConfigMap ${configMap.name}`, object && keys, configMap);
  }
  if (secret !== undefined) {
    const object = sources.secret(secret.name);
    const keys = new Map(decoded(object?.data ?? {}));
    return chosen(`Secret ${secret.name}`, object && keys, secret);
  }
  if (downwardAPI !== undefined) return downward(downwardAPI, pod, sources.surroundings);
  if (serviceAccountToken === undefined) return new Map();
  const token = await tokenOf(pod, serviceAccountToken, sources.api);
  return new Map([[serviceAccountToken.path, Buffer.from(token)]]);
}

function decoded(data: Readonly<Record<string, string>>): (readonly [string, Buffer])[] {
  return Object.entries(data).map(([key, text]) => [key, Buffer.from(text, 'base64')]);
}

function chosen(what: string, keys: Files | undefined, { items, optional }: KeysSource): Files {
  if (keys === undefined && optional !== true) throw new Error(`${what} is not there`);
  if (keys === undefined) return new Map();
  if (items === undefined) return keys;
  const found = new Map<string, Buffer>();
  for (const { key, path } of items) {
    const content = keys.get(key);
    if (content !== undefined) found.set(path, content);
    else if (optional !== true) throw new Error(`${what} has no key ${key}`);
  }
  return found;
}

function downward({ items = [] }: DownwardSource, pod: Pod, surroundings: Surroundings): Files {
  const found = new Map<string, Buffer>();
  const [first] = pod.spec.containers;
  for (const { path, fieldRef, resourceFieldRef } of items) {
    if (fieldRef !== undefined) {
      found.set(path, Buffer.from(fieldOf(pod, fieldRef, surroundings)));
    } else if (resourceFieldRef !== undefined && first !== undefined) {
      found.set(path, Buffer.from(resourceOf(pod, first, resourceFieldRef)));
    }
  }
  return found;
}

async function tokenOf(
  { metadata, spec }: Pod,
  wanted: NonNullable<ProjectedSource['serviceAccountToken']>,
  api: KubeApi,
): Promise<string> {
  const account = spec.serviceAccountName ?? 'default';
  const path = `/api/v1/namespaces/${metadata.namespace}/serviceaccounts/${account}/token`;
  const answer = await api.post<{ readonly status: { readonly token: string } }>(path, {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: {
      audiences: wanted.audience === undefined ? undefined : [wanted.audience],
      expirationSeconds: wanted.expirationSeconds ?? 3_600,
      boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: metadata.name, uid: metadata.uid },
    },
  });
  return answer.status.token;
}

let generations = 0;

/**
 * Makes the files of a volume what they are to be, all at once: they are links through `..data`,
 * which is replaced by a rename, as the kubelet does it. Says whether anything has changed.
 */
export async function writeFiles(directory: string, files: Files): Promise<boolean> {
  await mkdir(directory, { recursive: true });
  const data = join(directory, '..data');
  const before = await currentGeneration(data);
  if (before !== undefined && (await isEqual(join(directory, before), files))) return false;
  const generation = `..${Date.now()}.${generations++}`;
  for (const [path, content] of files) {
    const target = join(directory, generation, path);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, content, { mode: 0o644 });
  }
  await mkdir(join(directory, generation), { recursive: true });
  await symlink(generation, `${data}.new`);
  await rename(`${data}.new`, data);
  await linkTops(directory, files);
  if (before !== undefined) await rm(join(directory, before), { recursive: true, force: true });
  return true;
}

async function currentGeneration(data: string): Promise<string | undefined> {
  try {
    return await readlink(data);
  } catch {
    return undefined;
  }
}

async function isEqual(directory: string, files: Files): Promise<boolean> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  if (entries.filter((entry) => entry.isFile()).length !== files.size) return false;
  for (const [path, content] of files) {
    try {
      if (!content.equals(await readFile(join(directory, path)))) return false;
    } catch {
      return false;
    }
  }
  return true;
}

/** A link for each file or folder at the top, and none for one that is gone. */
async function linkTops(directory: string, files: Files): Promise<void> {
  const tops = new Set([...files.keys()].map((path) => path.split('/')[0] ?? path));
  for (const name of await readdir(directory)) {
    if (!name.startsWith('..') && !tops.has(name)) await rm(join(directory, name));
  }
  for (const top of tops) {
    const link = join(directory, top);
    const isThere = await lstat(link).catch(() => undefined);
    if (isThere === undefined) await symlink(join('..data', top), link);
  }
}
