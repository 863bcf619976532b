import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { z } from 'zod';
import type { Cause } from '../event.ts';
import { Failure, type FailureCode } from '../failure/errors.ts';
import type { Tracing } from '../telemetry/trace.ts';
import { schemaFailure } from './problem.ts';
import type { ParsedRequest, Route } from './route.ts';

const safeId = /^[A-Za-z0-9._:-]{1,128}$/;
const printable = /^[\x20-\x7e]{1,255}$/;

/** A repeated header arrives joined by commas, is no safe id then, and is replaced. */
export function correlationIdOf(request: IncomingMessage): string {
  const given = request.headers['x-correlation-id'];
  return typeof given === 'string' && safeId.test(given) ? given : randomUUID();
}

export function causeOf(request: IncomingMessage, tracing: Tracing): Cause {
  return {
    correlationId: correlationIdOf(request),
    traceparent: tracing.startTrace(traceHeaderOf(request)),
  };
}

export function traceHeaderOf(request: IncomingMessage): string | undefined {
  const header = request.headers.traceparent;
  return typeof header === 'string' ? header : undefined;
}

/** Throws a Failure when the header is missing or malformed. */
function idempotencyKeyOf(request: IncomingMessage): string {
  const given = request.headers['idempotency-key'];
  if (typeof given !== 'string') throw new Failure('idempotency-key-missing');
  if (!printable.test(given)) throw new Failure('idempotency-key-invalid');
  return given;
}

/** What express hangs on a request that it routed. */
export interface Routed extends IncomingMessage {
  readonly params: Readonly<Record<string, unknown>>;
}

/**
 * The request as its route's handler gets it. The constructor throws a Failure at the first
 * part, path, query or body, that does not match its schema.
 *
 * A class, because an accessor in an object literal makes a hidden class for every request.
 */
export class CheckedRequest implements ParsedRequest {
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
  readonly cause: Cause;
  readonly idempotencyKey: string | undefined;
  private readonly makeSignal: () => AbortSignal;
  private made: AbortSignal | undefined;

  constructor(
    route: Route,
    request: Routed,
    body: unknown,
    cause: Cause,
    makeSignal: () => AbortSignal,
  ) {
    this.cause = cause;
    this.idempotencyKey = route.idempotent ? idempotencyKeyOf(request) : undefined;
    this.params = checked(route.params, request.params, 'path', route.unknownParams);
    this.query = route.query && checked(route.query, queryOf(request.url ?? ''), 'query');
    this.body = checked(route.body, body, 'body');
    this.makeSignal = makeSignal;
    this.made = undefined;
  }

  /** Made only when it is used, which is rare: an AbortController is dear. */
  get signal(): AbortSignal {
    this.made ??= this.makeSignal();
    return this.made;
  }
}

function checked(
  schema: z.ZodType | undefined,
  value: unknown,
  where: 'path' | 'query' | 'body',
  code: FailureCode = 'invalid-request',
): unknown {
  if (schema === undefined) return undefined;
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw schemaFailure(code, where, parsed.error);
}

/** A repeated parameter becomes a list, which schemas of single values refuse. */
function queryOf(url: string): unknown {
  const start = url.indexOf('?');
  const query: Record<string, string | string[]> = Object.create(null);
  if (start < 0) return query;
  for (const [name, value] of new URLSearchParams(url.slice(start + 1))) {
    const before = query[name];
    query[name] = before === undefined ? value : [before, value].flat();
  }
  return query;
}
