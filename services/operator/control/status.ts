import { isDeepStrictEqual } from 'node:util';
import type { KubeClient } from './client.ts';
import { statusOf } from './conditions.ts';
import { hasMoved, merged, storedFigures } from './figures.ts';
import { isOtherObject } from './kube-error.ts';
import { apiVersionOf, type KubeObject, keyOf, type Resource } from './objects.ts';
import { isRecord } from './received.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Figures alone are written this often at most. */
const figuresIntervalMs = 60_000;

export interface StatusWriterOptions {
  readonly kube: Pick<KubeClient, 'applyStatus'>;
  readonly resource: Resource;
  readonly onWrite: () => void;
  /** Monotonic, in milliseconds. */
  readonly now?: () => number;
}

export interface Wanted {
  /** All of the status, but for figures. */
  readonly fields: Fields;
  readonly figures?: Fields | undefined;
}

/** `afterMs`: figures have moved that may not be written yet. */
export type Written =
  | { readonly outcome: 'written' | 'same' | 'gone' }
  | { readonly outcome: 'later'; readonly afterMs: number };

interface Memory {
  readonly uid: string | undefined;
  readonly at: number;
  /** Asked for, answered with something else, at this version: asking again changes nothing. */
  readonly refused: { readonly fields: Fields; readonly version: string | undefined } | undefined;
}

/** Writes the status of the objects of one kind, and only when it differs from what is stored. */
export class StatusWriter {
  private readonly options: StatusWriterOptions;
  private readonly now: () => number;
  private readonly memories = new Map<string, Memory>();

  constructor(options: StatusWriterOptions) {
    this.options = options;
    this.now = options.now ?? (() => performance.now());
  }

  /** `object` has the status as it is stored. */
  async write(object: KubeObject, { fields, figures = {} }: Wanted): Promise<Written> {
    const memory = this.memoryOf(object);
    const stored = statusOf(object);
    const isSame =
      isDeepStrictEqual(
        comparable(merged(fields, storedFigures(figures, stored))),
        comparable(stored),
      ) || isRefused(memory, fields, object);
    if (isSame) {
      if (!hasMoved(stored, figures)) return { outcome: 'same' };
      const afterMs = memory === undefined ? 0 : memory.at + figuresIntervalMs - this.now();
      if (afterMs > 0) return { outcome: 'later', afterMs };
    }
    return await this.apply(object, fields, merged(fields, figures));
  }

  /** Of an object that is no more. */
  forget(key: string): void {
    this.memories.delete(key);
  }

  private async apply(object: KubeObject, fields: Fields, status: Fields): Promise<Written> {
    const { kube, resource, onWrite } = this.options;
    const { name, namespace, uid } = object.metadata;
    try {
      const answer = await kube.applyStatus(resource, {
        apiVersion: apiVersionOf(resource),
        kind: resource.kind,
        metadata: namespace === undefined ? { name } : { name, namespace },
        status,
      });
      onWrite();
      // A uid is no condition for a status: this one went to a newer object of the same name,
      // whose own look at it comes.
      if (answer.metadata.uid !== uid) return { outcome: 'gone' };
      const isTaken = isDeepStrictEqual(comparable(status), comparable(statusOf(answer)));
      const version = answer.metadata.resourceVersion;
      this.memories.set(keyOf(object), {
        uid,
        at: this.now(),
        refused: isTaken ? undefined : { fields, version },
      });
      return { outcome: 'written' };
    } catch (error) {
      if (isOtherObject(error)) return { outcome: 'gone' };
      throw error;
    }
  }

  private memoryOf(object: KubeObject): Memory | undefined {
    const memory = this.memories.get(keyOf(object));
    return memory?.uid === object.metadata.uid ? memory : undefined;
  }
}

/** The schema dropped or changed a field, or another manager has one of its own. */
function isRefused(memory: Memory | undefined, fields: Fields, { metadata }: KubeObject): boolean {
  if (memory?.refused === undefined) return false;
  const { version, fields: asked } = memory.refused;
  return version === metadata.resourceVersion && isDeepStrictEqual(asked, fields);
}

/** As JSON has it; the order of conditions is no difference. */
function comparable(status: Fields): unknown {
  const plain: unknown = JSON.parse(JSON.stringify(status));
  if (!isRecord(plain) || !Array.isArray(plain.conditions)) return plain;
  const conditions = plain.conditions.map((each) => [isRecord(each) ? each.type : '', each]);
  return { ...plain, conditions: Object.fromEntries(conditions) };
}
