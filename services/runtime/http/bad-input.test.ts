import { connect } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { good, isAlive, logs, makeServer, place, post, raw, seen } from '../testing/shop-api.ts';
import { serverLimits } from './listener.ts';
import type { ApiServer } from './server.ts';

interface Problem {
  readonly type: string;
  readonly correlationId: string;
  readonly errors?: readonly object[];
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
});

describe('refusals', () => {
  const lines = (count: number) => JSON.stringify({ ...good, lines: Array(count).fill({}) });
  const bodies: readonly [string, string | Buffer, Record<string, string>, number, string][] = [
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
    const response = await place(port, body, headers);
    const problem: Problem = JSON.parse(await response.text());
    expect([response.status, problem.type]).toEqual([status, `/problems/${code}`]);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(problem.correlationId).toBe(response.headers.get('x-correlation-id'));
    expect((problem.errors ?? []).length).toBeLessThanOrEqual(10);
    expect(JSON.stringify(problem).length).toBeLessThan(4_000);
    expect(seen).toHaveLength(0);
    expect(await isAlive(port)).toBe(true);
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
    const answer = await place(port, JSON.stringify(wrong));
    const problem: Problem = JSON.parse(await answer.text());
    expect(problem.errors).toEqual([
      { in: 'body', pointer: '/currency', detail: 'must be an ISO 4217 code' },
      { in: 'body', pointer: '/lines/0/sku', detail: 'must be 1 to 64 of A-Z a-z 0-9 _ -' },
    ]);
    const renamed = await (await place(port, JSON.stringify({ ...good, 'h<u>': 1 }))).text();
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
    const answer = await raw(port, ...parts);
    expect(answer.slice(0, 12)).toBe(`HTTP/1.1 ${status}`);
    expect(answer).not.toMatch(/HTTP\/1.1 5/);
    expect(seen).toHaveLength(0);
    expect(await isAlive(port)).toBe(true);
  });

  test('CRLF in a correlation id cannot make a header', async () => {
    const headers = [type, 'X-Correlation-ID: a\r\nX-Evil: 1', 'Content-Length: 2'];
    expect(await raw(port, post(headers, '{}'))).not.toContain('X-Evil');
  });

  test('a client that asks first is told at once that its body is too large', async () => {
    const large = post([type, 'Expect: 100-continue', 'Content-Length: 99999999']);
    expect(await raw(port, large)).toMatch(/^HTTP\/1.1 413/);
    const fine = post([type, 'Expect: 100-continue', 'Content-Length: 2']);
    expect(await raw(port, fine)).toMatch(/^HTTP\/1.1 100/);
  });

  test('a client that goes away in mid-body disturbs nobody', async () => {
    await raw(port, post([type, 'Content-Length: 1000'], '{"a'));
    expect(await isAlive(port)).toBe(true);
    expect(logs.filter((entry) => entry.includes('"error"'))).toHaveLength(0);
  });
});

describe('slow clients', () => {
  const short = { headersTimeout: 600, requestTimeout: 1_200, connectionsCheckingInterval: 100 };
  let hasty: ApiServer;
  let hastyPort: number;
  beforeAll(async () => {
    hasty = makeServer(short);
    hastyPort = await hasty.listen(0, '127.0.0.1');
  });
  afterAll(() => hasty.close(1_000));

  /** Resolves with what arrived when the server closed the connection. */
  const untilClosed = (start: string) =>
    new Promise<string>((resolve) => {
      const socket = connect(hastyPort, '127.0.0.1', () => socket.write(start));
      let received = '';
      socket.on('data', (bytes) => {
        received += bytes.toString();
      });
      socket.on('error', () => {});
      socket.once('close', () => resolve(received));
    });

  test('are cut off with 408, in the header and in the body', async () => {
    const began = performance.now();
    const took = async (start: string) => {
      const answer = await untilClosed(start);
      expect(answer).toMatch(/^HTTP\/1.1 408/);
      return performance.now() - began;
    };
    const many = Array.from({ length: 100 }, () => took('POST /v1/orders HTTP/1.1\r\nHost: a\r\n'));
    const slowBody = took(post(['Content-Type: application/json', 'Content-Length: 9'], '{'));
    for (let index = 0; index < 20; index++) expect(await isAlive(hastyPort)).toBe(true);
    const inHeader = await Promise.all(many);
    expect(Math.min(...inHeader)).toBeGreaterThanOrEqual(short.headersTimeout);
    expect(Math.max(...inHeader)).toBeLessThan(5_000);
    expect(await slowBody).toBeGreaterThanOrEqual(short.requestTimeout);
  });

  test('have 5 s for the header and 10 s for all of a request', () => {
    expect(serverLimits).toMatchObject({ headersTimeout: 5_000, requestTimeout: 10_000 });
  });
});
