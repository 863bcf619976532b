import type { EventDefinition } from '@windlass/contracts/event.ts';
import { type Lane, lanes } from '@windlass/contracts/service.ts';
import { z } from 'zod';
import type { ReceivedEvent } from '../event.ts';
import { parseHeaders } from './headers.ts';

/** Why a message can never be handled, whatever happens later. */
export type UndecodableReason = 'unknown-event' | 'malformed-envelope' | 'malformed-body';

export type Decoded =
  | { readonly ok: true; readonly event: ReceivedEvent }
  | { readonly ok: false; readonly reason: UndecodableReason; readonly message: string };

/** What a message has to offer; a delivery, or one that was kept in PostgreSQL. */
export interface Encoded {
  readonly subject: string;
  readonly headers: string;
  readonly body: Uint8Array;
}

const typePrefix = 'windlass.';
/** Sequences are kept as `int4`. */
const sequenceMax = 2 ** 31 - 1;

/** Turns messages of the given events into checked events. Total: it never throws. */
export function decoder(definitions: readonly EventDefinition[]): (message: Encoded) => Decoded {
  const known = new Map(
    definitions.map(({ type, version, key, data }) => {
      return [`${typePrefix}${type}.v${version}`, { type, key, data: z.compile(data) }];
    }),
  );
  return (message) => {
    const headers = parseHeaders(message.headers);
    const type = headers.get('ce-type');
    const definition = type === undefined ? undefined : known.get(type);
    if (definition === undefined) {
      const shown = (type ?? message.subject).slice(0, 200);
      return refuse('unknown-event', `${shown} is no event that this service consumes`);
    }
    const envelope = envelopeOf(headers, message.subject);
    if (envelope === undefined) {
      return refuse('malformed-envelope', 'a CloudEvents attribute is missing or malformed');
    }
    let json: unknown;
    try {
      json = JSON.parse(
        Buffer.from(message.body.buffer, message.body.byteOffset, message.body.length).toString(),
      );
    } catch {
      return refuse('malformed-body', 'the body is not valid JSON');
    }
    const parsed = definition.data.safeParse(json);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      return refuse('malformed-body', `${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
    }
    const { data } = parsed;
    if (data[definition.key] !== envelope.aggregateId) {
      return refuse('malformed-envelope', 'ce-subject names another aggregate than the body');
    }
    const { id, logicalId, aggregateId, sequence, lane, time } = envelope;
    const { correlationId, causationId, traceparent } = envelope;
    // Spelled out: a spread here would cost more than parsing the body.
    const event: ReceivedEvent = {
      type: definition.type,
      id,
      logicalId,
      aggregateId,
      sequence,
      lane,
      time,
      correlationId,
      causationId,
      traceparent,
      data,
    };
    return { ok: true, event };
  };
}

function refuse(reason: UndecodableReason, message: string): Decoded {
  return { ok: false, reason, message };
}

function envelopeOf(
  headers: ReadonlyMap<string, string>,
  subject: string,
): Omit<ReceivedEvent, 'type' | 'data'> | undefined {
  const id = headers.get('ce-id');
  const aggregateId = headers.get('ce-subject');
  const sequence = Number(headers.get('ce-sequence'));
  const time = Date.parse(headers.get('ce-time') ?? '');
  const lane = laneOf(subject);
  const logicalId = headers.get('ce-logicalid') ?? id;
  if (!isIdentifier(id) || !isIdentifier(logicalId) || !isIdentifier(aggregateId)) return undefined;
  if (!Number.isInteger(sequence) || sequence < 1 || sequence > sequenceMax) return undefined;
  if (Number.isNaN(time)) return undefined;
  if (lane === undefined) return undefined;
  return {
    id,
    logicalId,
    aggregateId,
    sequence,
    lane,
    time,
    correlationId: headers.get('ce-correlationid') ?? id,
    causationId: id,
    traceparent: headers.get('traceparent') ?? '',
  };
}

/** Identifiers become keys of tables, so an empty or endless one is none. */
function isIdentifier(value: string | undefined): value is string {
  return value !== undefined && value !== '' && value.length <= 256;
}

/** The lane token of `<context>.<event>.v<N>.<lane>.<partition>`. */
function laneOf(subject: string): Lane | undefined {
  const token = subject.split('.')[3];
  return lanes.find((lane) => lane === token);
}
