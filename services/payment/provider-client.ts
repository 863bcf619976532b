import type { Pool } from 'undici';
import { z } from 'zod';

/** Replies are untrusted: longer ones are not read to their end. */
export const replyBytesMax = 16_384;

const charge = z.compile(
  z.discriminatedUnion('status', [
    z.object({ status: z.literal('captured'), amount: z.int(), currency: z.string() }),
    z.object({ status: z.literal('declined'), reason: z.string().max(64) }),
  ]),
);
const refund = z.discriminatedUnion('status', [
  z.object({ status: z.literal('refunded'), amount: z.int() }),
  z.object({ status: z.literal('refused'), reason: z.string().max(64) }),
]);
export type Charge = z.output<typeof charge>;
export type ProviderRefund = z.output<typeof refund>;

const total = z.object({ orderId: z.string().max(64), captured: z.int(), refunded: z.int() });
const report = z.object({ items: z.array(total).max(1_000), next: z.string().nullable() });
export type Report = z.output<typeof report>;

/** What a call came to: an answer, nothing known by that key, or nobody knows. */
export type Outcome<Answer> = Answer | 'not-found' | 'unknown';

/** These say that no connection was made, so that the request was certainly not sent. */
const neverSent = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/**
 * The payment provider's API. Every call ends within `timeoutMs` or with the caller's signal.
 * Rejects only when nothing was sent; everything else that is no answer, such as a time-out, a
 * reset or a reply that is not understood, is `unknown`.
 */
export class ProviderClient {
  private readonly pool: Pick<Pool, 'dispatch'>;
  private readonly timeoutMs: number;

  /** @param pool best limited with `maxResponseSize: replyBytesMax` */
  constructor(pool: Pick<Pool, 'dispatch'>, timeoutMs: number) {
    this.pool = pool;
    this.timeoutMs = timeoutMs;
  }

  async charge(
    request: {
      readonly key: string;
      readonly orderId: string;
      readonly amount: number;
      readonly currency: string;
    },
    signal: AbortSignal,
  ): Promise<Outcome<Charge>> {
    return await this.call('POST', '/v1/charges', [201, 402], charge, signal, request);
  }

  async findCharge(key: string, signal: AbortSignal): Promise<Outcome<Charge>> {
    return await this.call('GET', `/v1/charges/${key}`, [200], charge, signal);
  }

  async refund(
    request: { readonly key: string; readonly chargeKey: string; readonly amount: number },
    signal: AbortSignal,
  ): Promise<Outcome<ProviderRefund>> {
    return await this.call('POST', '/v1/refunds', [201, 422], refund, signal, request);
  }

  async findRefund(key: string, signal: AbortSignal): Promise<Outcome<ProviderRefund>> {
    return await this.call('GET', `/v1/refunds/${key}`, [200], refund, signal);
  }

  /** Totals per order, in order of their ids. */
  async report(after: string, limit: number, signal: AbortSignal): Promise<Outcome<Report>> {
    const query = `after=${encodeURIComponent(after)}&limit=${limit}`;
    return await this.call('GET', `/v1/report?${query}`, [200], report, signal);
  }

  private async call<Answer>(
    method: 'GET' | 'POST',
    path: string,
    answers: readonly number[],
    schema: z.ZodType<Answer>,
    signal: AbortSignal,
    body?: unknown,
  ): Promise<Outcome<Answer>> {
    signal.throwIfAborted();
    try {
      const reply = await this.exchange(method, path, signal, body);
      if (method === 'GET' && reply.status === 404) return 'not-found';
      if (!answers.includes(reply.status)) return 'unknown';
      return schema.safeParse(JSON.parse(reply.text)).data ?? 'unknown';
    } catch (error) {
      if (neverSent.has(codeOf(error))) throw error;
      return 'unknown';
    }
  }

  /** One request by callbacks: undici's streams cost more than the request itself. */
  private exchange(
    method: 'GET' | 'POST',
    path: string,
    signal: AbortSignal,
    body: unknown,
  ): Promise<{ readonly status: number; readonly text: string }> {
    const request = {
      method,
      path,
      headersTimeout: this.timeoutMs,
      bodyTimeout: this.timeoutMs,
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    };
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      let status = 0;
      let abort: (() => void) | undefined;
      const end = () => abort && signal.removeEventListener('abort', abort);
      this.pool.dispatch(request, {
        onRequestStart(controller) {
          abort = () => controller.abort(new Error('the call took too long'));
          signal.addEventListener('abort', abort);
        },
        onResponseStart(_controller, code) {
          status = code;
        },
        onResponseData(_controller, chunk) {
          chunks.push(chunk);
        },
        onResponseEnd() {
          end();
          resolve({ status, text: Buffer.concat(chunks).toString() });
        },
        onResponseError(_controller, error) {
          end();
          reject(error);
        },
      });
    });
  }
}

function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('code' in error)) return '';
  return typeof error.code === 'string' ? error.code : '';
}
