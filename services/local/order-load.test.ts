import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { afterEach, expect, test } from '@jest/globals';
import { type Followed, placeOrders } from './order-load.ts';
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
  const settled: Followed[] = [];
  const accepted: number[] = [];
  const stop = new AbortController();
  const options = { url, count, concurrency: 4, signal: stop.signal };
  const done = placeOrders({
    ...options,
    onAccepted: () => accepted.push(1),
    onSettled: (order) => settled.push(order),
  });
  return { settled, accepted, done, stop };
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
  const ends = settled.map(({ status, attempts }) => ({ status, attempts }));
  expect(ends).toEqual(Array.from({ length: 3 }, () => ({ status: 'CONFIRMED', attempts: 2 })));
  expect(settled.every(({ acceptedMs, settledMs }) => acceptedMs > 0 && settledMs > 0)).toBe(true);
  expect(keys.size).toBe(3);
}, 20_000);

test('reports the reason of a refusal', async () => {
  const url = await serve((_, answer) => reply(answer, 400, { title: 'no' }));
  const { settled, done } = load(url, 2);
  expect([...(await done)]).toEqual([['POST /v1/orders: 400 {"title":"no"}', 2]]);
  expect(settled).toEqual([]);
}, 20_000);

test('places no other order once it is told to stop, and follows those that it placed', async () => {
  const url = await serve((request, answer) => {
    if (request.method === 'POST') stop.abort();
    const status = request.method === 'POST' ? 202 : 200;
    reply(answer, status, { orderId: 'o', status: 'CONFIRMED' });
  });
  const { settled, accepted, done, stop } = load(url, 1_000);
  expect((await done).size).toBe(0);
  expect(accepted.length).toBeLessThanOrEqual(4);
  expect(settled).toHaveLength(accepted.length);
}, 20_000);
