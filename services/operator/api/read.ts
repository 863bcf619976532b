import type { z } from 'zod';
import { ReconcileError } from '../control/kind.ts';
import type { KubeObject } from '../control/objects.ts';

/**
 * The spec with its defaults. The API server has checked it against the same schema; an object
 * that was stored under an older one becomes a ReconcileError that no repetition helps.
 */
export function specOf<Schema extends z.ZodType>(
  schema: Schema,
  object: KubeObject,
): z.output<Schema> {
  const parsed = schema.safeParse(object.spec ?? {});
  if (parsed.success) return parsed.data;
  const message = `The spec does not fit its schema: ${sentenceOf(parsed.error)}.`;
  throw new ReconcileError('InvalidSpec', message, { isStalled: true });
}

/** The status, or an empty one when there is none that fits: it is written anew anyway. */
export function statusOf<Schema extends z.ZodType>(
  schema: Schema,
  object: KubeObject,
): z.output<Schema> {
  const parsed = schema.safeParse(object.status ?? {});
  return parsed.success ? parsed.data : schema.parse({});
}

/** Any other object; a ReconcileError that names it when it is not what the schema says. */
export function objectOf<Schema extends z.ZodType>(
  schema: Schema,
  object: KubeObject,
): z.output<Schema> {
  const parsed = schema.safeParse(object);
  if (parsed.success) return parsed.data;
  const { namespace, name } = object.metadata;
  const place = namespace === undefined ? name : `${namespace}/${name}`;
  const message = `${object.kind} ${place} cannot be read: ${sentenceOf(parsed.error)}.`;
  throw new ReconcileError('UnreadableObject', message);
}

/** Names the fields and what they should be, never what they are. */
function sentenceOf(error: z.ZodError): string {
  return error.issues
    .map(({ path, code }) => `${path.join('.') || 'it'} is wrong (${code})`)
    .join(', ');
}
