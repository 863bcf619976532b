import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { document, makeServer, routes } from '../testing/shop-api.ts';
import { openApiOf, problemsOf } from './openapi.ts';
import type { ApiServer } from './server.ts';

let server: ApiServer;
let port: number;
beforeAll(async () => {
  server = makeServer();
  port = await server.listen(0, '127.0.0.1');
});
afterAll(() => server.close(1_000));

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

  test('is the same whatever the order of the routes', () => {
    const reversed = [...routes].reverse();
    expect(openApiOf({ title: 'shop', version: '1', description: '' }, reversed)).toBe(document);
  });

  test('describes parameters, headers and bodies as the edge takes them', () => {
    const { post } = parsed.paths['/v1/orders'];
    expect(post.parameters.map(({ name }: { name: string }) => name)).toEqual([
      'X-Correlation-ID',
      'Idempotency-Key',
    ]);
    const schema = post.requestBody.content['application/json'].schema;
    expect(schema).toMatchObject({ additionalProperties: false, properties: { lines: {} } });
    const { get } = parsed.paths['/v1/orders/{orderId}'];
    expect(get.parameters).toMatchObject([
      { name: 'orderId', in: 'path', required: true },
      { name: 'wait', in: 'query', required: false },
      { name: 'X-Correlation-ID', in: 'header' },
    ]);
  });
});
