import { readFile } from 'node:fs/promises';
import type { z } from 'zod';
import { configMap, configMaps, secret, secrets } from '../api/core.ts';
import { objectOf } from '../api/read.ts';
import { type Context, ReconcileError } from '../control/kind.ts';
import { type Key, type KubeObject, type Resource, splitKey } from '../control/objects.ts';

/** For so long, what was read serves the other objects that need it as well. */
const keepMs = 5_000;
const entriesLimit = 1_000;

interface Entry {
  readonly until: number;
  readonly value: Promise<unknown>;
}

/** Reads Secrets, ConfigMaps and files that connections are made of, each at most every 5 s. */
export class Lookup {
  private readonly entries = new Map<string, Entry>();
  private readonly now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.now = now;
  }

  /** One value of a Secret. Its absence is a ReconcileError that names it. */
  async secretValue(key: Key, field: string, context: LookupContext): Promise<string> {
    const found = await this.object(secrets, key, secret, context);
    const value = found?.data[field];
    if (value !== undefined) return value.toString('utf8');
    const what = found === undefined ? `Secret ${key}` : `Key ${field} of Secret ${key}`;
    throw new ReconcileError('SecretNotFound', `${what} is not there.`);
  }

  async configMapValue(
    key: Key,
    field: string,
    context: LookupContext,
  ): Promise<string | undefined> {
    const found = await this.object(configMaps, key, configMap, context);
    return found?.data[field];
  }

  async file(path: string): Promise<string> {
    return this.once(`file ${path}`, async () => {
      try {
        return await readFile(path, 'utf8');
      } catch (error) {
        throw new ReconcileError('FileNotFound', `The file ${path} cannot be read.`, {
          cause: error,
        });
      }
    });
  }

  private async object<Schema extends z.ZodType>(
    resource: Resource,
    key: Key,
    schema: Schema,
    { cache, kube }: LookupContext,
  ): Promise<z.output<Schema> | undefined> {
    const read = (object: KubeObject | undefined) =>
      object === undefined ? undefined : objectOf(schema, object);
    const cached = cache.get(resource, key);
    if (cached !== undefined) return read(cached);
    return this.once(`${resource.kind} ${key}`, async () =>
      read(await kube.get(resource, splitKey(key))),
    );
  }

  private once<Value>(name: string, make: () => Promise<Value>): Promise<Value> {
    const known = this.entries.get(name);
    // The name says which resource or file it is, and each has one type of value.
    if (known !== undefined && known.until > this.now()) return known.value as Promise<Value>;
    const value = make();
    if (this.entries.size >= entriesLimit) this.entries.clear();
    this.entries.set(name, { until: this.now() + keepMs, value });
    value.catch(() => this.entries.delete(name));
    return value;
  }
}

export type LookupContext = Pick<Context, 'cache' | 'kube'>;
