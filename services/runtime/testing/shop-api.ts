import type { ServerOptions } from 'node:http';
import { connect } from 'node:net';
import { InMemorySpanExporter } from '@opentelemetry/sdk-trace-base';
import { currency, id, line, text } from '@windlass/contracts/fields.ts';
import { z } from 'zod';
import { Failure } from '../failure/errors.ts';
import { openApiOf } from '../http/openapi.ts';
import { defineRoute, type ParsedRequest } from '../http/route.ts';
import { ApiServer } from '../http/server.ts';
import { createLogger } from '../telemetry/log.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { Tracing } from '../telemetry/trace.ts';

const orderBody = z.strictObject({
  customerId: id,
  currency,
  lines: z.array(line).min(1).max(100),
  note: text(100).optional(),
});
const any = { 200: { description: 'ok', schema: z.unknown() } };
const plain = { summary: '', responses: any, problems: [] } as const;
/** Requests that reached a handler. */
export const seen: ParsedRequest[] = [];
/** Requests that are held by `/v1/slow`. */
export const waiting: { ended: boolean }[] = [];
/** What the next admissions answer. */
export const admission: { refusal: Failure | undefined } = { refusal: undefined };

export const routes = [
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
      const request = { ended: false };
      waiting.push(request);
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      request.ended = true;
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

export const logs: string[] = [];
export const spans = new InMemorySpanExporter();
export const metrics = createMetrics({ service: 'shop', enabled: true });
export const document = openApiOf({ title: 'shop', version: '1', description: '' }, routes);

/** A server of a small API whose handlers do what a test needs. */
export function makeServer(limits: ServerOptions = {}) {
  return new ApiServer({
    limits,
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
    admit: () => admission.refusal,
    isUnavailable: (error) => error instanceof Error && error.message.startsWith('connection'),
  });
}

export const good = {
  customerId: 'c-1',
  currency: 'EUR',
  lines: [{ sku: 'a', quantity: 1, unitPrice: 100 }],
};
const json = { 'Content-Type': 'application/json', 'Idempotency-Key': 'k-1' };

/** Places an order by fetch. */
export function place(port: number, body: string | Buffer, headers: Record<string, string> = {}) {
  const init = { method: 'POST', body, headers: { ...json, ...headers } };
  return fetch(`http://127.0.0.1:${port}/v1/orders`, init);
}

/** Sends the parts as they are, each after the one before is out; resolves with all answers. */
export async function raw(port: number, ...parts: readonly (string | Buffer)[]): Promise<string> {
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

/** The text of a POST with an Idempotency-Key and these headers. */
export function post(headers: readonly string[], body = '', path = '/v1/orders'): string {
  const lines = [`POST ${path} HTTP/1.1`, 'Host: a', 'Idempotency-Key: k', ...headers];
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}

export async function isAlive(port: number): Promise<boolean> {
  return (await place(port, JSON.stringify(good))).status === 202;
}
