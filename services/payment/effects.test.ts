import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { connectProvider, type Effects, effects } from './effects.ts';
import { defaultTiming } from './payment.ts';

const timing = { ...defaultTiming, providerTimeoutMs: 300 };
const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly body: unknown;
}

/** A provider that answers each request with what `answer` says. */
async function given(
  answer: (seen: Seen) => { status: number; body: unknown } | 'silence' | 'reset',
): Promise<{ handlers: Effects; seen: Seen[]; server: Server }> {
  const seen: Seen[] = [];
  const listener: RequestListener = async (request, response) => {
    const text = (await request.toArray()).join('');
    const each = {
      method: request.method ?? '',
      url: request.url ?? '',
      body: text === '' ? undefined : JSON.parse(text),
    };
    seen.push(each);
    const answered = answer(each);
    if (answered === 'silence') return;
    if (answered === 'reset') {
      request.socket.resetAndDestroy();
      return;
    }
    response.writeHead(answered.status);
    response.end(JSON.stringify(answered.body));
  };
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const { client, close } = connectProvider(`http://127.0.0.1:${port}`, timing);
  cleanups.push(async () => {
    server.closeAllConnections();
    await close();
    await new Promise((resolve) => server.close(resolve));
  });
  return { handlers: effects(client, timing), seen, server };
}

const claim = (attempts: number) => ({
  id: 'charge-o1',
  kind: 'charge',
  aggregateId: 'o1',
  payload: { orderId: 'o1', amount: 100, currency: 'EUR' },
  attempts,
  createdAt: 0,
});
const never = new AbortController().signal;
const captured = { status: 201, body: { status: 'captured', amount: 100, currency: 'EUR' } };

test('sends a first attempt at once, under its key', async () => {
  const { handlers, seen } = await given(() => captured);
  expect(await handlers.charge.perform(claim(0), never)).toEqual({ outcome: 'captured' });
  const body = { key: 'charge-o1', orderId: 'o1', amount: 100, currency: 'EUR' };
  expect(seen).toEqual([{ method: 'POST', url: '/v1/charges', body }]);
});

test('looks up before it sends again, and sends nothing when there is an outcome', async () => {
  const { handlers, seen } = await given(() => ({ ...captured, status: 200 }));
  expect(await handlers.charge.perform(claim(1), never)).toEqual({ outcome: 'captured' });
  expect(seen.map(({ method, url }) => `${method} ${url}`)).toEqual(['GET /v1/charges/charge-o1']);
});

test('sends again, with the same key, what the provider never saw', async () => {
  const { handlers, seen } = await given(({ method }) =>
    method === 'GET' ? { status: 404, body: {} } : captured,
  );
  expect(await handlers.charge.perform(claim(1), never)).toEqual({ outcome: 'captured' });
  expect(seen.map(({ method }) => method)).toEqual(['GET', 'POST']);
});

test('takes a decline for a result', async () => {
  const body = { status: 'declined', reason: 'card-declined' };
  const { handlers } = await given(() => ({ status: 402, body }));
  const result = await handlers.charge.perform(claim(0), never);
  expect(result).toEqual({ outcome: 'declined', reason: 'card-declined' });
  expect(handlers.charge.isFailure(result)).toBe(false);
});

test.each([
  ['a time-out', () => 'silence' as const],
  ['a reset after sending', () => 'reset' as const],
  ['a 500', () => ({ status: 500, body: {} })],
  ['a 400', () => ({ status: 400, body: {} })],
  ['a reply without its fields', () => ({ status: 201, body: { status: 'captured' } })],
  ['a reply about another amount', () => ({ ...captured, body: { ...captured.body, amount: 99 } })],
  ['a captured 402', () => ({ status: 402, body: { status: 'weird' } })],
  ['a reply without end', () => ({ ...captured, body: 'x'.repeat(20_000) })],
])('does not know the outcome after %s', async (_, answer) => {
  const { handlers } = await given(answer);
  const result = await handlers.charge.perform(claim(0), never);
  expect(result).toEqual({ outcome: 'unknown' });
  expect(handlers.charge.isFailure(result)).toBe(true);
});

test('does not send again when the look-up fails', async () => {
  const { handlers, seen } = await given(() => ({ status: 503, body: {} }));
  expect(await handlers.charge.perform(claim(1), never)).toEqual({ outcome: 'unknown' });
  expect(seen.map(({ method }) => method)).toEqual(['GET']);
});

test('rejects when nothing was sent, so that it is safe to try again', async () => {
  const { handlers, server } = await given(() => captured);
  await new Promise((resolve) => server.close(resolve));
  await expect(handlers.charge.perform(claim(0), never)).rejects.toMatchObject({
    code: 'ECONNREFUSED',
  });
});

test('does not know the outcome of a call that was cut off', async () => {
  const cut = new AbortController();
  const { handlers } = await given(() => {
    cut.abort();
    return 'silence';
  });
  expect(await handlers.charge.perform(claim(0), cut.signal)).toEqual({ outcome: 'unknown' });
});

test('sends nothing when it is cut off before', async () => {
  const { handlers, seen } = await given(() => captured);
  await expect(handlers.charge.perform(claim(0), AbortSignal.abort())).rejects.toThrow();
  expect(seen).toEqual([]);
});

test('refunds a charge under a key of its own', async () => {
  const { handlers, seen } = await given(() => ({
    status: 201,
    body: { status: 'refunded', amount: 30 },
  }));
  const effect = {
    ...claim(0),
    id: 'refund-r1',
    kind: 'refund',
    payload: { orderId: 'o1', refundId: 'r1', amount: 30 },
  };
  expect(await handlers.refund.perform(effect, never)).toEqual({ outcome: 'refunded' });
  expect(seen[0]?.body).toEqual({ key: 'refund-r1', chargeKey: 'charge-o1', amount: 30 });
});
