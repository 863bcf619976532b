import type { z } from 'zod';

/** Words separated by dashes, in two parts: the bounded context and what happened in it. */
export type EventType = `${string}.${string}`;

/**
 * One version of one event, as the whole platform knows it.
 *
 * `data` is an open schema (`z.object`): a consumer ignores a field that it does not know, so
 * that an optional field can be added without a new version. Anything else is a new version.
 */
export interface EventDefinition<
  Type extends EventType = EventType,
  Data extends z.ZodObject = z.ZodObject,
> {
  /** `<context>.<what happened>`, past tense. */
  readonly type: Type;
  readonly version: number;
  /** The field of `data` that names the aggregate. Events of one aggregate keep their order. */
  readonly key: keyof z.output<Data> & string;
  readonly data: Data;
}

export type DataOf<Definition extends EventDefinition> = z.output<Definition['data']>;

/** Throws at load when the type, the version or the key cannot be published. */
export function defineEvent<const Type extends EventType, Data extends z.ZodObject>(
  definition: EventDefinition<Type, Data>,
): EventDefinition<Type, Data> {
  if (!/^[a-z]+\.[a-z]+(-[a-z]+)*$/.test(definition.type)) {
    throw new Error(`event type "${definition.type}" must look like orders.payment-overdue`);
  }
  if (!Number.isInteger(definition.version) || definition.version < 1) {
    throw new Error(`${definition.type}: version must be a whole number from 1`);
  }
  if (!(definition.key in definition.data.shape)) {
    throw new Error(`${definition.type}: key "${definition.key}" is not a field of its data`);
  }
  return Object.freeze(definition);
}
