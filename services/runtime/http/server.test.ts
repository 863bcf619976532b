import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { InMemorySpanExporter } from '@opentelemetry/sdk-trace-base';
import { currency, id, line, text } from '@windlass/contracts/fields.ts';
import { z } from 'zod';
import { Failure } from '../failure/errors.ts';
import { createLogger } from '../telemetry/log.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { Tracing } from '../telemetry/trace.ts';
import { openApiOf, problemsOf } from './openapi.ts';
import { defineRoute, type ParsedRequest } from './route.ts';
import { ApiServer } from './server.ts';

const orderBody = z.strictObject({
  customerId: id,
  currency,
  lines: z.array(line).min(1).max(100),
  note: text(100).optional(),
});
const any = { 200: { description: 'ok', schema: z.unknown() } };
const plain = { summary: '', responses: any, problems: [] } as const;
const seen: ParsedRequest[] = [];
const waiting: { release: () => void }[] = [];
let refusal: Failure | undefined;

const routes = [
  defineRoute({
    ...plain,
    method: 'POST',
    path: '/v1/orders',
    operationId: 'placeOrder',
    body: orderBody,
    idempotent: true,
    admission: true,
    async handle(request) {
      seen.push(request);
      return { status: 202, body: '{"orderId":"o-1"}', headers: { Location: '/v1/orders/o-1' } };
    },
  }),
  defineRoute({
    ...plain,
    method: 'GET',
    path: '/v1/orders/:orderId',
    operationId: 'getOrder',
    params: z.strictObject({ orderId: id }),
    query: z.strictObject({ wait: z.string().regex(/^\d+$/).optional() }),
    unknownParams: 'order-not-found',
    async handle(request) {
      seen.push(request);
      return { status: 200, body: '{}' };
    },
  }),
  defineRoute({
    ...plain,
    method: 'POST',
    path: '/v1/fail/:how',
    operationId: 'fail',
    params: z.strictObject({ how: z.string() }),
    async handle({ params }) {
      if (params.how === 'business')
        throw new Failure('order-not-cancellable', { detail: 'Paid.' });
      if (params.how === 'busy') throw new Failure('request-in-flight', { retryAfterSeconds: 1 });
      if (params.how === 'database') throw new Error('connection refused to 10.0.0.1');
      if (params.how === 'header') return { status: 200, body: '{}', headers: { A: 'b\r\nc: d' } };
      throw new TypeError('secret internals');
    },
  }),
  defineRoute({
    ...plain,
    method: 'GET',
    path: '/v1/slow',
    operationId: 'slow',
    async handle({ signal }) {
      await new Promise<void>((resolve) => {
        waiting.push({ release: resolve });
        signal.addEventListener('abort', () => resolve());
      });
      return { status: 200, body: `{"aborted":${signal.aborted}}` };
    },
  }),
  defineRoute({
    ...plain,
    method: 'POST',
    path: '/v1/open',
    operationId: 'open',
    body: z.unknown(),
    handle: async () => ({ status: 200, body: '{}' }),
  }),
];

const logs: string[] = [];
const spans = new InMemorySpanExporter();
const metrics = createMetrics({ service: 'shop', enabled: true });
const document = openApiOf({ title: 'shop', version: '1', description: '' }, routes);

function makeServer() {
  return new ApiServer({
    routes,
    openapi: document,
    logger: createLogger({
      service: 'shop',
      replica: 'r',
      level: 'info',
      destination: { write: (entry) => void logs.push(entry) },
    }),
    metrics,
    tracing: new Tracing({ service: 'shop', replica: 'r', sampleRatio: 0, exporter: spans }),
    admit: () => refusal,
    isUnavailable: (error) => error instanceof Error && error.message.startsWith('connection'),
  });
}

let server: ApiServer;
let port: number;
beforeAll(async () => {
  server = makeServer();
  port = await server.listen(0, '127.0.0.1');
});
afterAll(() => server.close(1_000));
beforeEach(() => {
  seen.length = 0;
  logs.length = 0;
  refusal = undefined;
});

const good = {
  customerId: 'c-1',
  currency: 'EUR',
  lines: [{ sku: 'a', quantity: 1, unitPrice: 100 }],
};
const json = { 'Content-Type': 'application/json', 'Idempotency-Key': 'k-1' };

function place(body: BodyInit, headers: Record<string, string> = {}) {
  const init = { method: 'POST', body, headers: { ...json, ...headers } };
  return fetch(`http://127.0.0.1:${port}/v1/orders`, init);
}

/** Sends the parts as they are, each after the one before is out; resolves with all answers. */
async function raw(...parts: readonly (string | Buffer)[]): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let received = '';
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1');
  });
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.on('error', () => {});
  for (const part of parts) {
    if (socket.writable) await new Promise((resolve) => socket.write(part, resolve));
  }
  await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 300).unref())]);
  socket.destroy();
  return received;
}

function post(headers: readonly string[], body = '', path = '/v1/orders'): string {
  const lines = [`POST ${path} HTTP/1.1`, 'Host: a', 'Idempotency-Key: k', ...headers];
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}

async function isAlive(): Promise<boolean> {
  return (await place(JSON.stringify(good))).status === 202;
}

describe('a good request', () => {
  test('reaches its handler parsed and is answered as the handler says', async () => {
    const response = await place(JSON.stringify(good), { 'X-Correlation-ID': 'c:1' });
    expect(response.status).toBe(202);
    expect(await response.json()).toEqual({ orderId: 'o-1' });
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'application/json',
      location: '/v1/orders/o-1',
      'x-correlation-id': 'c:1',
      'cache-control': 'no-store',
    });
    expect(response.headers.has('x-powered-by')).toBe(false);
    expect(seen[0]).toMatchObject({
      body: good,
      idempotencyKey: 'k-1',
      cause: { correlationId: 'c:1' },
    });
  });

  test('may come in pieces and with a charset', async () => {
    const text = JSON.stringify({ ...good, note: 'grüße' });
    const bytes = Buffer.from(text);
    const head = post([
      'Content-Type: application/json; charset=UTF-8',
      `Content-Length: ${bytes.length}`,
    ]);
    const answer = await raw(head, bytes.subarray(0, 90), bytes.subarray(90));
    expect(answer).toMatch(/^HTTP\/1.1 202/);
    expect(seen[0]?.body).toEqual({ ...good, note: 'grüße' });
  });

  test('has its path and query parsed', async () => {
    await fetch(`http://127.0.0.1:${port}/v1/orders/o-1?wait=3`);
    expect(seen[0]).toMatchObject({ params: { orderId: 'o-1' }, query: { wait: '3' } });
  });

  test('goes on in the caller’s trace and leaves a span when that is sampled', async () => {
    const parent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    await place(JSON.stringify(good), { traceparent: parent });
    const { traceparent } = seen[0]?.cause ?? { traceparent: '' };
    expect(traceparent).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-01$/);
    const span = spans.getFinishedSpans()[0];
    expect(span?.name).toBe('POST /v1/orders');
    expect(span?.spanContext().spanId).toBe(traceparent.slice(36, 52));
    expect(span?.parentSpanContext?.spanId).toBe('b7ad6b7169203331');
  });

  test('is logged with its correlation id and counted', async () => {
    await place(JSON.stringify(good), { 'X-Correlation-ID': 'log-me' });
    const entry = logs.map((logged) => JSON.parse(logged)).at(-1);
    expect(entry).toMatchObject({ correlationId: 'log-me', operation: 'placeOrder', status: 202 });
    const series = 'route="/v1/orders",method="POST",status="2xx"';
    expect(await metrics.exposition()).toMatch(
      new RegExp(`windlass_http_request_seconds_count{service="shop",${series}} \\d+`),
    );
  });

  test('is answered without a body when it is HEAD', async () => {
    const init = { method: 'HEAD' };
    const response = await fetch(`http://127.0.0.1:${port}/v1/orders/o-1`, init);
    expect([response.status, await response.text()]).toEqual([200, '']);
  });
});

test.each([
  ['unsafe', 'a b'],
  ['too long', 'a'.repeat(129)],
  ['an injection', 'a;b=c"d'],
])('a correlation id that is %s is replaced', async (_title, correlationId) => {
  const response = await place(JSON.stringify(good), { 'X-Correlation-ID': correlationId });
  expect(response.headers.get('x-correlation-id')).toMatch(/^[0-9a-f-]{36}$/);
});

describe('refusals', () => {
  const lines = (count: number) => JSON.stringify({ ...good, lines: Array(count).fill({}) });
  const bodies: readonly [string, BodyInit, Record<string, string>, number, string][] = [
    ['no JSON', '{"a":', {}, 400, 'malformed-json'],
    ['invalid UTF-8', Buffer.from([0x22, 0xff, 0x22]), {}, 400, 'malformed-json'],
    ['a byte order mark', `\ufeff${JSON.stringify(good)}`, {}, 400, 'malformed-json'],
    ['an empty body', '', {}, 400, 'invalid-request'],
    ['an unknown member', JSON.stringify({ ...good, price: 1 }), {}, 400, 'invalid-request'],
    [
      '__proto__',
      `{"__proto__":{"a":1},${JSON.stringify(good).slice(1)}`,
      {},
      400,
      'invalid-request',
    ],
    [
      'constructor',
      `{"constructor":{"prototype":{"a":1}},"customerId":"c"}`,
      {},
      400,
      'invalid-request',
    ],
    ['NUL in text', JSON.stringify({ ...good, note: 'a\0' }), {}, 400, 'invalid-request'],
    [
      'a lone surrogate',
      `${JSON.stringify(good).slice(0, -1)},"note":"\\ud800"}`,
      {},
      400,
      'invalid-request',
    ],
    ['1e400', JSON.stringify(good).replace('100', '1e400'), {}, 400, 'invalid-request'],
    ['deep nesting', '['.repeat(32_000) + ']'.repeat(32_000), {}, 400, 'invalid-request'],
    ['many wrong items', lines(20_000), {}, 400, 'invalid-request'],
    ['more than 64 KiB', `"${'a'.repeat(65_535)}"`, {}, 413, 'body-too-large'],
    ['a megabyte', `"${'a'.repeat(1_000_000)}"`, {}, 413, 'body-too-large'],
    ['text', 'a', { 'Content-Type': 'text/plain' }, 415, 'unsupported-media-type'],
    [
      'another charset',
      '{}',
      { 'Content-Type': 'application/json; charset=latin1' },
      415,
      'unsupported-media-type',
    ],
    [
      'gzip',
      Buffer.from('1f8b', 'hex'),
      { 'Content-Encoding': 'gzip' },
      415,
      'unsupported-media-type',
    ],
    [
      'an empty key',
      JSON.stringify(good),
      { 'Idempotency-Key': '' },
      400,
      'idempotency-key-invalid',
    ],
    [
      'a long key',
      JSON.stringify(good),
      { 'Idempotency-Key': 'a'.repeat(256) },
      400,
      'idempotency-key-invalid',
    ],
    [
      'a foreign key',
      JSON.stringify(good),
      { 'Idempotency-Key': 'ä' },
      400,
      'idempotency-key-invalid',
    ],
  ];
  test.each(bodies)('%s', async (_title, body, headers, status, code) => {
    const response = await place(body, headers);
    const problem = await response.json();
    expect([response.status, problem.type]).toEqual([status, `/problems/${code}`]);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(problem.correlationId).toBe(response.headers.get('x-correlation-id'));
    expect((problem.errors ?? []).length).toBeLessThanOrEqual(10);
    expect(JSON.stringify(problem).length).toBeLessThan(4_000);
    expect(seen).toHaveLength(0);
    expect(await isAlive()).toBe(true);
    expect(Reflect.get({}, 'a')).toBeUndefined();
  });

  test('a missing key', async () => {
    const init = {
      method: 'POST',
      body: JSON.stringify(good),
      headers: { 'Content-Type': 'application/json' },
    };
    const response = await fetch(`http://127.0.0.1:${port}/v1/orders`, init);
    expect(await response.json()).toMatchObject({ type: '/problems/idempotency-key-missing' });
  });

  test('name the wrong members without their values', async () => {
    const wrong = { ...good, currency: 'hunter2', lines: [{ ...good.lines[0], sku: 'hunter2 ' }] };
    const problem = await (await place(JSON.stringify(wrong))).json();
    expect(problem.errors).toEqual([
      { in: 'body', pointer: '/currency', detail: 'must be an ISO 4217 code' },
      { in: 'body', pointer: '/lines/0/sku', detail: 'must be 1 to 64 of A-Z a-z 0-9 _ -' },
    ]);
    const renamed = await (await place(JSON.stringify({ ...good, 'h<u>': 1 }))).text();
    expect(renamed).not.toContain('h<u>');
  });

  test.each([
    ['GET', '/v1/nothing', 404, 'not-found', undefined],
    ['GET', '/v1/orders/', 404, 'not-found', undefined],
    ['GET', '/V1/orders/o-1', 404, 'not-found', undefined],
    ['GET', '/v1/orders/%zz', 400, 'malformed-http', undefined],
    ['GET', '/v1/orders/a%20b', 404, 'order-not-found', undefined],
    ['GET', '/v1/orders/o-1?wait=a', 400, 'invalid-request', undefined],
    ['GET', '/v1/orders/o-1?wait=1&wait=2', 400, 'invalid-request', undefined],
    ['GET', '/v1/orders/o-1?__proto__=1', 400, 'invalid-request', undefined],
    ['DELETE', '/v1/orders', 405, 'method-not-allowed', 'POST'],
    ['OPTIONS', '/v1/orders/o-1', 405, 'method-not-allowed', 'GET, HEAD'],
    ['PUT', '/openapi.json', 405, 'method-not-allowed', 'GET, HEAD'],
  ])('%s %s: %d %s', async (method, path, status, code, allow) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method });
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ type: `/problems/${code}`, status });
    expect(response.headers.get('allow') ?? undefined).toBe(allow);
  });
});

describe('failures of handlers', () => {
  test.each([
    ['business', 409, 'order-not-cancellable', null],
    ['busy', 409, 'request-in-flight', '1'],
    ['database', 503, 'unavailable', '1'],
    ['header', 500, 'internal', null],
    ['bug', 500, 'internal', null],
  ])('%s: %d %s', async (how, status, code, retryAfter) => {
    const response = await fetch(`http://127.0.0.1:${port}/v1/fail/${how}`, { method: 'POST' });
    const text = await response.text();
    expect([response.status, JSON.parse(text).type]).toEqual([status, `/problems/${code}`]);
    expect(response.headers.get('retry-after')).toBe(retryAfter);
    expect(text).not.toMatch(/secret|10\.0|at /);
  });

  test('are logged with their stack when they are ours', async () => {
    await fetch(`http://127.0.0.1:${port}/v1/fail/bug`, { method: 'POST' });
    const entry = logs.map((logged) => JSON.parse(logged)).find(({ level }) => level === 'error');
    expect(entry.err).toMatchObject({ message: 'secret internals', type: 'TypeError' });
    expect(entry.err.stack).toContain('server.test');
  });
});

describe('an overloaded server', () => {
  test('refuses before it reads the body, and keeps the connection usable', async () => {
    refusal = new Failure('overloaded', { retryAfterSeconds: 7 });
    const body = 'x'.repeat(500);
    const request = post(['Content-Type: text/plain', `Content-Length: ${body.length}`]);
    const answers = await raw(request, request.slice(0, 0), body, request, body);
    expect(answers.match(/HTTP\/1.1 503/g)).toHaveLength(2);
    expect(answers).toContain('Retry-After: 7\r\n');
    expect(answers).toContain('/problems/overloaded');
    const reading = await fetch(`http://127.0.0.1:${port}/v1/orders/o-1`);
    expect(reading.status).toBe(200);
    expect(logs.filter((entry) => entry.includes('placeOrder'))).toHaveLength(0);
  });

  test('does not read an endless body', async () => {
    refusal = new Failure('overloaded');
    const chunk = `10000\r\n${'a'.repeat(65_536)}\r\n`;
    const head = post(['Transfer-Encoding: chunked']);
    const answers = await raw(head, ...Array(40).fill(chunk));
    expect(answers).toMatch(/^HTTP\/1.1 503/);
  });
});

describe('bytes that are no good HTTP', () => {
  const type = 'Content-Type: application/json';
  const chunk = `4000\r\n${'a'.repeat(16_384)}\r\n`;
  const corpus: readonly [string, readonly (string | Buffer)[], number][] = [
    ['no HTTP at all', ['hello\r\n\r\n'], 400],
    ['a TLS greeting', [Buffer.from('16030100a5010000a10303', 'hex')], 400],
    ['no Host', ['GET /v1/orders/a HTTP/1.1\r\n\r\n'], 400],
    ['two lengths', [post([type, 'Content-Length: 2', 'Content-Length: 3'], '{}')], 400],
    ['a negative length', [post([type, 'Content-Length: -1'], '{}')], 400],
    [
      'length and chunks',
      [post([type, 'Content-Length: 2', 'Transfer-Encoding: chunked'], '0\r\n\r\n')],
      400,
    ],
    ['a hidden encoding', [post([type, 'Transfer-Encoding: xchunked'], '0\r\n\r\n')], 400],
    ['a bad chunk', [post([type, 'Transfer-Encoding: chunked'], 'zz\r\n{}\r\n')], 400],
    ['a bare line feed in a header', [post([type, 'X-A: b\nX-B'], '')], 400],
    ['a NUL in a header', [post([type, 'X-A: \0'], '')], 400],
    ['large headers', [post([type, `X-A: ${'a'.repeat(20_000)}`], '')], 431],
    [
      'too much in chunks',
      [post([type, 'Transfer-Encoding: chunked']), ...Array(8).fill(chunk)],
      413,
    ],
    ['endless chunks', [post([type, 'Transfer-Encoding: chunked']), ...Array(99).fill(chunk)], 413],
    ['a large announced body', [post([type, 'Content-Length: 99999999'], '{')], 413],
    ['an unknown expectation', [post([type, 'Expect: magic', 'Content-Length: 2'], '{}')], 417],
  ];
  test.each(corpus)('%s', async (_title, parts, status) => {
    const answer = await raw(...parts);
    expect(answer.slice(0, 12)).toBe(`HTTP/1.1 ${status}`);
    expect(answer).not.toMatch(/HTTP\/1.1 5/);
    expect(seen).toHaveLength(0);
    expect(await isAlive()).toBe(true);
  });

  test('CRLF in a correlation id cannot make a header', async () => {
    const headers = [type, 'X-Correlation-ID: a\r\nX-Evil: 1', 'Content-Length: 2'];
    expect(await raw(post(headers, '{}'))).not.toContain('X-Evil');
  });

  test('a client that asks first is told at once that its body is too large', async () => {
    const large = post([type, 'Expect: 100-continue', 'Content-Length: 99999999']);
    expect(await raw(large)).toMatch(/^HTTP\/1.1 413/);
    const fine = post([type, 'Expect: 100-continue', 'Content-Length: 2']);
    expect(await raw(fine)).toMatch(/^HTTP\/1.1 100/);
  });

  test('a client that goes away in mid-body disturbs nobody', async () => {
    await raw(post([type, 'Content-Length: 1000'], '{"a'));
    expect(await isAlive()).toBe(true);
    expect(logs.filter((entry) => entry.includes('"error"'))).toHaveLength(0);
  });
});

describe('slow clients', () => {
  /** Resolves with what arrived when the server closed the connection. */
  const untilClosed = (start: string) =>
    new Promise<string>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => socket.write(start));
      let received = '';
      socket.on('data', (bytes) => {
        received += bytes.toString();
      });
      socket.on('error', () => {});
      socket.once('close', () => resolve(received));
    });

  test('are cut off with 408, in the header after 5 s and in the body after 10 s', async () => {
    const began = performance.now();
    const took = async (start: string) => {
      const answer = await untilClosed(start);
      expect(answer).toMatch(/^HTTP\/1.1 408/);
      return performance.now() - began;
    };
    const many = Array.from({ length: 100 }, () => took('POST /v1/orders HTTP/1.1\r\nHost: a\r\n'));
    const slowBody = took(post(['Content-Type: application/json', 'Content-Length: 9'], '{'));
    for (let index = 0; index < 20; index++) expect(await isAlive()).toBe(true);
    expect(Math.max(...(await Promise.all(many)))).toBeLessThan(8_000);
    expect(await slowBody).toBeLessThan(13_000);
  }, 20_000);
});

describe('closing', () => {
  test('answers what is in flight, ends waits, asks to close and accepts no more', async () => {
    const closing = makeServer();
    const own = await closing.listen(0, '127.0.0.1');
    const answer = new Promise<{ connection: string | undefined; body: string }>(
      (resolve, reject) => {
        const request = httpRequest({ port: own, path: '/v1/slow', agent: false }, (response) => {
          let body = '';
          response.on('data', (bytes) => {
            body += bytes;
          });
          response.on('end', () => resolve({ connection: response.headers.connection, body }));
        });
        request.on('error', reject);
        request.end();
      },
    );
    const idle = connect(own, '127.0.0.1');
    const idleClosed = new Promise((resolve) => idle.once('close', resolve));
    await until(() => waiting.length > 0);
    await closing.close(5_000);
    expect(await answer).toEqual({ connection: 'close', body: '{"aborted":true}' });
    await idleClosed;
    await expect(fetch(`http://127.0.0.1:${own}/v1/orders/o-1`)).rejects.toThrow();
  });

  test('a waiting request ends when its client goes away', async () => {
    waiting.length = 0;
    const request = httpRequest({ port, path: '/v1/slow', agent: false });
    request.on('error', () => {});
    request.end();
    await until(() => waiting.length > 0);
    request.destroy();
    await until(() => logs.length >= 0);
    expect(await isAlive()).toBe(true);
  });
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe('the OpenAPI document', () => {
  const parsed = JSON.parse(document);

  test('is served as it was given', async () => {
    const response = await fetch(`http://127.0.0.1:${port}/openapi.json`);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(await response.text()).toBe(document);
  });

  test('describes exactly the routes that are served', async () => {
    const described = Object.entries<object>(parsed.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const served = routes.map(({ method, path }) => `${method} ${path.replace(/:(\w+)/, '{$1}')}`);
    expect(described.sort()).toEqual(served.sort());
    for (const operation of described) {
      const [method = '', path = ''] = operation.split(' ');
      if (path === '/v1/slow') continue;
      const url = `http://127.0.0.1:${port}${path.replace(/\{\w+\}/, 'x')}`;
      const { status } = await fetch(url, { method });
      expect([operation, status]).not.toEqual([operation, 404]);
      expect([operation, status]).not.toEqual([operation, 405]);
    }
  });

  test('lists every problem of a route under its status', () => {
    for (const route of routes) {
      const path = route.path.replace(/:(\w+)/, '{$1}');
      const { responses } = parsed.paths[path][route.method.toLowerCase()];
      const codes = Object.entries<{ content: Record<string, { examples?: object }> }>(responses)
        .flatMap(([, { content }]) =>
          Object.keys(content['application/problem+json']?.examples ?? {}),
        )
        .sort();
      expect(codes).toEqual(problemsOf(route));
    }
  });
});
