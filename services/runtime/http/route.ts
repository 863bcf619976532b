import { z } from 'zod';
import type { Cause } from '../event.ts';
import type { FailureCode } from '../failure/errors.ts';

/** A request whose path, query and body were checked against the route's schemas. */
export interface ParsedRequest<Params = unknown, Query = unknown, Body = unknown> {
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  /** Correlation id and trace context, taken from the headers or made. */
  readonly cause: Cause;
  /** Present on routes with `idempotent: true`. */
  readonly idempotencyKey?: string | undefined;
  /** Aborted when the client goes away or the service drains. */
  readonly signal: AbortSignal;
}

export interface Reply {
  readonly status: number;
  /** JSON text, ready to be sent: what is stored for a replay is sent byte for byte. */
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One operation of a service's API. The OpenAPI document is made of these and nothing else. */
export interface Route<
  Params extends z.ZodType = z.ZodType,
  Query extends z.ZodType = z.ZodType,
  Body extends z.ZodType = z.ZodType,
> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH';
  /** With express parameters: `/v1/orders/:orderId`. */
  readonly path: string;
  readonly operationId: string;
  readonly summary: string;
  readonly params?: Params;
  readonly query?: Query;
  readonly body?: Body;
  /** An unknown value of a path parameter answers this instead of 400. */
  readonly unknownParams?: FailureCode;
  /** Whether the Idempotency-Key header is required. */
  readonly idempotent?: boolean;
  /** Refused with 503 while the admission bound is reached. */
  readonly admission?: boolean;
  readonly responses: Readonly<
    Record<number, { readonly description: string; readonly schema: z.ZodType }>
  >;
  /** The problems of its own that it can answer, beside those that every route can. */
  readonly problems: readonly FailureCode[];
  handle(request: ParsedRequest<z.output<Params>, z.output<Query>, z.output<Body>>): Promise<Reply>;
}

/** Keeps the schemas' types inside `handle`; erased in lists of routes. */
export function defineRoute<
  Params extends z.ZodType,
  Query extends z.ZodType,
  Body extends z.ZodType,
>(route: Route<Params, Query, Body>): Route {
  // The server gives `handle` only what these schemas have parsed.
  return route as unknown as Route;
}

/** The same route with schemas that check twice as fast; documents are made of the others. */
export function compiledRoute(route: Route): Route {
  const { params, query, body } = route;
  return {
    ...route,
    ...(params && { params: z.compile(params) }),
    ...(query && { query: z.compile(query) }),
    ...(body && { body: z.compile(body) }),
  };
}
