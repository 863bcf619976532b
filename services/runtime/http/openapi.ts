import { z } from 'zod';
import { type FailureCode, failures } from '../failure/errors.ts';
import type { Route } from './route.ts';

type Json = Readonly<Record<string, unknown>>;

export interface ApiDescription {
  readonly title: string;
  readonly version: string;
  readonly description: string;
}

const problemSchema = z
  .object({
    type: z.string().describe('`/problems/<code>`; the codes of each answer are in its examples.'),
    title: z.string(),
    status: z.int(),
    detail: z.string().optional(),
    correlationId: z.string().optional(),
    errors: z
      .array(
        z.object({
          in: z.enum(['path', 'query', 'body']),
          pointer: z.string(),
          detail: z.string(),
        }),
      )
      .max(10)
      .optional()
      .describe('What the schema refused, as JSON pointers.'),
  })
  .describe('Problem details, RFC 9457. A problem may have further members.');

const idempotencyKey: Json = {
  name: 'Idempotency-Key',
  in: 'header',
  required: true,
  description: 'The same key with the same request gives the first answer again.',
  schema: { type: 'string', minLength: 1, maxLength: 255, pattern: '^[ -~]+$' },
};
const correlationId: Json = {
  name: 'X-Correlation-ID',
  in: 'header',
  required: false,
  description: 'Goes through every event and log line that follows; made when absent or unsafe.',
  schema: { type: 'string', pattern: '^[A-Za-z0-9._:-]{1,128}$' },
};
const responseHeaders = {
  correlation: { 'X-Correlation-ID': { schema: { type: 'string' } } },
  location: { Location: { schema: { type: 'string' } } },
  retry: { 'Retry-After': { description: 'Seconds.', schema: { type: 'integer' } } },
  replayed: {
    'Idempotency-Replayed': {
      description: '`true` when this is the answer to an earlier request.',
      schema: { type: 'string', const: 'true' },
    },
  },
} as const;

/**
 * The OpenAPI 3.1 document of these routes and nothing else, as text with a line feed at its
 * end. The same routes give the same bytes.
 */
export function openApiOf(api: ApiDescription, routes: readonly Route[]): string {
  const paths: Record<string, Record<string, Json>> = {};
  const sorted = [...routes].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  for (const route of sorted) {
    const path = route.path.replace(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route) };
  }
  const document = {
    openapi: '3.1.0',
    info: api,
    paths,
    components: { schemas: { Problem: schemaOf(problemSchema, 'output') } },
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

/** Every code that the route can answer with: its own and those of the edge. */
export function problemsOf(route: Route): readonly FailureCode[] {
  const codes = new Set<FailureCode>([...route.problems, 'internal', 'unavailable']);
  codes.add('malformed-http').add('request-timeout').add('headers-too-large');
  if (route.params) codes.add(route.unknownParams ?? 'invalid-request');
  if (route.query) codes.add('invalid-request');
  if (route.body) {
    codes.add('malformed-json').add('invalid-request');
    codes.add('body-too-large').add('unsupported-media-type');
  }
  if (route.idempotent) {
    codes.add('idempotency-key-missing').add('idempotency-key-invalid');
    codes.add('idempotency-key-reused').add('request-in-flight');
  }
  if (route.admission) codes.add('overloaded').add('draining');
  return [...codes].sort();
}

function operationOf(route: Route): Json {
  return {
    operationId: route.operationId,
    summary: route.summary,
    parameters: [
      ...parametersOf(route.params, 'path'),
      ...parametersOf(route.query, 'query'),
      correlationId,
      ...(route.idempotent ? [idempotencyKey] : []),
    ],
    ...(route.body && {
      requestBody: {
        required: !route.body.safeParse(undefined).success,
        content: { 'application/json': { schema: schemaOf(route.body, 'input') } },
      },
    }),
    responses: { ...answersOf(route), ...refusalsOf(route) },
  };
}

function parametersOf(schema: z.ZodType | undefined, place: 'path' | 'query'): readonly Json[] {
  if (!(schema instanceof z.ZodObject)) return [];
  return Object.entries(schema.shape).map(([name, field]) => ({
    name,
    in: place,
    required: place === 'path' || !z.safeParse(field, undefined).success,
    schema: schemaOf(field, 'input'),
  }));
}

function answersOf(route: Route): Json {
  const answers = Object.entries(route.responses).map(([status, { description, schema }]) => {
    const headers = {
      ...responseHeaders.correlation,
      ...((status === '201' || status === '202') && responseHeaders.location),
      ...(route.idempotent && responseHeaders.replayed),
    };
    const content = { 'application/json': { schema: schemaOf(schema, 'output') } };
    return [status, { description, headers, content }];
  });
  return Object.fromEntries(answers);
}

/** One entry for each status; the codes that share it are its examples. */
function refusalsOf(route: Route): Json {
  const refusals: Record<string, { readonly headers: Json; readonly examples: Json }> = {};
  for (const code of problemsOf(route)) {
    const { status, title } = failures[code];
    const headers = {
      ...responseHeaders.correlation,
      ...((status === 503 || code === 'request-in-flight') && responseHeaders.retry),
    };
    const refusal = refusals[status];
    const value = { type: `/problems/${code}`, title, status };
    refusals[status] = {
      headers: { ...refusal?.headers, ...headers },
      examples: { ...refusal?.examples, [code]: { value } },
    };
  }
  const schema = { $ref: '#/components/schemas/Problem' };
  return Object.fromEntries(
    Object.entries(refusals).map(([status, { headers, examples }]) => {
      const description = Object.keys(examples).join(', ');
      return [
        status,
        { description, headers, content: { 'application/problem+json': { schema, examples } } },
      ];
    }),
  );
}

function schemaOf(schema: z.core.$ZodType, io: 'input' | 'output'): Json {
  const { $schema, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return rest;
}
