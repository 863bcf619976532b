import type { DataOf, EventDefinition } from '@windlass/contracts/event.ts';
import type { Lane } from '@windlass/contracts/service.ts';

/** Partitions of an outbox: the unit of relay ownership. Part of every subject. */
export const partitionCount = 16;

/** An event that a decision made. Its place in the aggregate is given when it is recorded. */
export interface NewEvent<Definition extends EventDefinition = EventDefinition> {
  readonly definition: Definition;
  readonly data: DataOf<Definition>;
  /** Leaves the aggregate's lane; only for events whose consumers are commutative. */
  readonly lane?: Lane;
}

/** Makes an event. The data is checked by the compiler here and by zod where it is consumed. */
export function event<Definition extends EventDefinition>(
  definition: Definition,
  data: DataOf<Definition>,
  options: { readonly lane?: Lane } = {},
): NewEvent<Definition> {
  return { definition, data, ...options };
}

/** What an event inherits from the request or the event that caused it. */
export interface Cause {
  readonly correlationId: string;
  /** Id of the event that caused this one; absent for a command. */
  readonly causationId?: string | undefined;
  /** W3C trace context, always present; its flag says whether the trace is sampled. */
  readonly traceparent: string;
}

/** An event as it stands in the `events` table and as it is published: the body byte for byte. */
export interface RecordedEvent extends Cause {
  /** `<context>.<aggregate>.<sequence>`: the same for every copy, so it deduplicates. */
  readonly id: string;
  /** Type without version, `orders.created`. */
  readonly type: string;
  readonly version: number;
  readonly aggregateId: string;
  /** Place in the aggregate, from 1 without gaps. */
  readonly sequence: number;
  readonly lane: Lane;
  readonly partition: number;
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly body: Buffer;
}

/** An event that a consumer was given, parsed and checked against its contract. */
export interface ReceivedEvent<Definition extends EventDefinition = EventDefinition> extends Cause {
  readonly type: Definition['type'];
  readonly id: string;
  /** Equal for the versions of one event in a dual publish window. */
  readonly logicalId: string;
  readonly aggregateId: string;
  readonly sequence: number;
  readonly lane: Lane;
  /** When it was recorded, in milliseconds since the epoch. */
  readonly time: number;
  readonly data: DataOf<Definition>;
}

/**
 * The partition of an aggregate, 0 to 15: FNV-1a over the UTF-16 code units of its id. Part of
 * the published subjects, so it can never change.
 */
export function partitionOf(aggregateId: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < aggregateId.length; index++) {
    hash = Math.imul(hash ^ aggregateId.charCodeAt(index), 0x01000193);
  }
  return (hash >>> 0) % partitionCount;
}

/** `<context>.<event>.v<N>.<lane>.<partition>`; the partition has two digits. */
export function subjectOf(recorded: {
  readonly type: string;
  readonly version: number;
  readonly lane: Lane;
  readonly partition: number;
}): string {
  const partition = recorded.partition < 10 ? `0${recorded.partition}` : recorded.partition;
  return `${recorded.type}.v${recorded.version}.${recorded.lane}.${partition}`;
}

/** The stream that holds a type's events: its context in upper case. */
export function streamOf(type: string): string {
  return type.slice(0, type.indexOf('.')).toUpperCase();
}
