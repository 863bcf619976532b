import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { afterEach, expect, test } from '@jest/globals';
import { placeOrders } from './order-load.ts';
import { freePort } from './ports.ts';

let server: Server;
afterEach(() => {
  server.close();
  server.closeAllConnections();
});

async function serve(handle: (request: IncomingMessage, answer: ServerResponse) => void) {
  const port = await freePort();
  server = createServer(handle);
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return `http://127.0.0.1:${port}`;
}

function load(url: string, count: number) {
  const settled: string[] = [];
  const accepted: number[] = [];
  const options = { url, count, concurrency: 4 };
  const done = placeOrders({
    ...options,
    onAccepted: () => accepted.push(1),
    onSettled: (status) => settled.push(status),
  });
  return { settled, accepted, done };
}

function reply(answer: ServerResponse, status: number, body: object): void {
  answer.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

test('repeats a refused request with the same key and follows until settled', async () => {
  const keys = new Set<unknown>();
  const asked = new Map<string, number>();
  const url = await serve((request, answer) => {
    if (request.method === 'POST') {
      const key = request.headers['idempotency-key'];
      const again = keys.has(key);
      keys.add(key);
      reply(answer, again ? 202 : 503, { orderId: `o-${keys.size}`, status: 'CREATED' });
      return;
    }
    const path = request.url ?? '';
    asked.set(path, (asked.get(path) ?? 0) + 1);
    const status = asked.get(path) === 1 ? 'RESERVED' : 'CONFIRMED';
    reply(answer, 200, { orderId: 'o', status });
  });
  const { settled, accepted, done } = load(url, 3);
  expect((await done).size).toBe(0);
  expect(accepted).toHaveLength(3);
  expect(settled).toEqual(['CONFIRMED', 'CONFIRMED', 'CONFIRMED']);
  expect(keys.size).toBe(3);
}, 20_000);

test('reports the reason of a refusal', async () => {
  const url = await serve((_, answer) => reply(answer, 400, { title: 'no' }));
  const { settled, done } = load(url, 2);
  expect([...(await done)]).toEqual([['POST /v1/orders: 400 {"title":"no"}', 2]]);
  expect(settled).toEqual([]);
}, 20_000);
