import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Failure } from '../failure/errors.ts';
import {
  admission,
  good,
  isAlive,
  logs,
  makeServer,
  metrics,
  place,
  post,
  raw,
  seen,
  spans,
  waiting,
} from '../testing/shop-api.ts';
import { until } from '../testing/until.ts';
import type { ApiServer } from './server.ts';

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
  admission.refusal = undefined;
});

describe('a good request', () => {
  test('reaches its handler parsed and is answered as the handler says', async () => {
    const response = await place(port, JSON.stringify(good), { 'X-Correlation-ID': 'c:1' });
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
    const answer = await raw(port, head, bytes.subarray(0, 90), bytes.subarray(90));
    expect(answer).toMatch(/^HTTP\/1.1 202/);
    expect(seen[0]?.body).toEqual({ ...good, note: 'grüße' });
  });

  test('has its path and query parsed', async () => {
    await fetch(`http://127.0.0.1:${port}/v1/orders/o-1?wait=3`);
    expect(seen[0]).toMatchObject({ params: { orderId: 'o-1' }, query: { wait: '3' } });
  });

  test('goes on in the caller’s trace and leaves a span when that is sampled', async () => {
    const parent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    await place(port, JSON.stringify(good), { traceparent: parent });
    const { traceparent } = seen[0]?.cause ?? { traceparent: '' };
    expect(traceparent).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-01$/);
    const span = spans.getFinishedSpans()[0];
    expect(span?.name).toBe('POST /v1/orders');
    expect(span?.spanContext().spanId).toBe(traceparent.slice(36, 52));
    expect(span?.parentSpanContext?.spanId).toBe('b7ad6b7169203331');
  });

  test('is logged with its correlation id and counted', async () => {
    await place(port, JSON.stringify(good), { 'X-Correlation-ID': 'log-me' });
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
  const response = await place(port, JSON.stringify(good), { 'X-Correlation-ID': correlationId });
  expect(response.headers.get('x-correlation-id')).toMatch(/^[0-9a-f-]{36}$/);
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
    expect(entry.err.stack).toContain('shop-api');
  });
});

describe('an overloaded server', () => {
  test('refuses before it reads the body, and keeps the connection usable', async () => {
    admission.refusal = new Failure('overloaded', { retryAfterSeconds: 7 });
    const body = 'x'.repeat(500);
    const request = post(['Content-Type: text/plain', `Content-Length: ${body.length}`]);
    const answers = await raw(port, request, request.slice(0, 0), body, request, body);
    expect(answers.match(/HTTP\/1.1 503/g)).toHaveLength(2);
    expect(answers).toContain('Retry-After: 7\r\n');
    expect(answers).toContain('/problems/overloaded');
    const reading = await fetch(`http://127.0.0.1:${port}/v1/orders/o-1`);
    expect(reading.status).toBe(200);
    expect(logs.filter((entry) => entry.includes('placeOrder'))).toHaveLength(0);
  });

  test('does not read an endless body', async () => {
    admission.refusal = new Failure('overloaded');
    const chunk = `10000\r\n${'a'.repeat(65_536)}\r\n`;
    const head = post(['Transfer-Encoding: chunked']);
    const answers = await raw(port, head, ...Array(40).fill(chunk));
    expect(answers).toMatch(/^HTTP\/1.1 503/);
  });
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
    expect(waiting[0]?.ended).toBe(false);
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
    await until(() => waiting[0]?.ended === true);
    expect(await isAlive(port)).toBe(true);
  });
});
