import { randomUUID } from 'node:crypto';
import { type OrderStatus, settledStatuses } from '@windlass/contracts/orders.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body when it is JSON. */
  readonly body: Record<string, unknown>;
}

export interface Line {
  readonly sku: string;
  readonly quantity: number;
  readonly unitPrice: number;
}

export interface View {
  readonly orderId: string;
  readonly status: OrderStatus;
  readonly total: number;
  readonly lines: readonly Line[];
  readonly history: readonly { readonly status: OrderStatus; readonly at: string }[];
}

interface Faults {
  readonly declinePercent?: number;
  readonly timeoutAfterChargePercent?: number;
  readonly refuseRefundPercent?: number;
  readonly slowMs?: number;
  readonly down?: boolean;
}

export const newKey = (): string => randomUUID();
const requestMs = 40_000;
const placeAttempts = 10;

/** What a customer, and who runs the shop, can do over HTTP. */
export class Shop {
  readonly url: string;
  private readonly others: { readonly inventory: string; readonly provider: string };

  constructor(url: string, others: { readonly inventory: string; readonly provider: string }) {
    this.url = url;
    this.others = others;
  }

  async post(path: string, body: unknown, key: string | undefined = newKey()): Promise<Answer> {
    const headers = key === undefined ? {} : { 'idempotency-key': key };
    return await send(`${this.url}${path}`, 'POST', body, headers);
  }

  async get(path: string): Promise<Answer> {
    return await send(`${this.url}${path}`, 'GET');
  }

  /**
   * Resolves with the id of the accepted order. An overloaded service is asked again with the
   * same key, as every client is told to do.
   */
  async place(lines: readonly Line[], more: object = {}): Promise<string> {
    const [order, key] = [orderOf(lines, more), newKey()];
    for (let attempt = 1; ; attempt++) {
      const answer = await this.post('/v1/orders', order, key);
      if (answer.status === 202) return String(answer.body.orderId);
      if (answer.status !== 503 || attempt === placeAttempts) {
        throw new Error(`not accepted: ${answer.status} ${answer.text}`);
      }
      const seconds = Number(answer.headers.get('retry-after') ?? 1);
      await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
    }
  }

  async view(orderId: string, wait?: string): Promise<View> {
    const query = wait === undefined ? '' : `?wait=${wait}`;
    const answer = await this.get(`/v1/orders/${orderId}${query}`);
    if (answer.status !== 200) throw new Error(`no view: ${answer.status} ${answer.text}`);
    return answer.body as unknown as View;
  }

  /** The order once it has this status; throws when it settles elsewhere or takes too long. */
  async reaches(orderId: string, status: OrderStatus, withinMs = 20_000): Promise<View> {
    const deadline = performance.now() + withinMs;
    for (;;) {
      const view = await this.view(orderId, settledStatuses.includes(status) ? '1s' : undefined);
      if (view.status === status) return view;
      const seen = view.history.map((each) => each.status).join(' → ');
      const isOver = settledStatuses.includes(view.status) && status !== 'REFUNDED';
      const isLeaving = ['CONFIRMED', 'REFUNDING'].includes(view.status);
      if ((isOver && !isLeaving) || performance.now() > deadline) {
        throw new Error(`order ${orderId} is not ${status}: ${seen}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async cancel(orderId: string, key: string = newKey()): Promise<Answer> {
    return await this.post(`/v1/orders/${orderId}/cancel`, { reason: 'changed my mind' }, key);
  }

  async refund(orderId: string, amount?: number, key: string = newKey()): Promise<Answer> {
    const body = amount === undefined ? {} : { amount };
    return await this.post(`/v1/orders/${orderId}/refund`, body, key);
  }

  /** A SKU of its own with so many pieces. */
  async stock(onHand: number): Promise<string> {
    const sku = `S-${randomUUID().slice(0, 8)}`;
    await this.expectOk(`${this.others.inventory}/v1/stock/${sku}`, { onHand });
    return sku;
  }

  async stockOf(sku: string): Promise<Record<string, unknown>> {
    return (await send(`${this.others.inventory}/v1/stock/${sku}`, 'GET')).body;
  }

  /** What goes wrong at the payment provider from now on; everything else is well. */
  async faults(faults: Faults): Promise<void> {
    await this.expectOk(`${this.others.provider}/faults`, faults);
  }

  async ledger(): Promise<Record<string, unknown>> {
    return (await send(`${this.others.provider}/ledger`, 'GET')).body;
  }

  private async expectOk(url: string, body: object): Promise<void> {
    const answer = await send(url, 'PUT', body);
    if (answer.status !== 200) throw new Error(`${url}: ${answer.status} ${answer.text}`);
  }
}

export function orderOf(lines: readonly Line[], more: object = {}): object {
  return { customerId: 'c-1', currency: 'EUR', lines, ...more };
}

export async function send(
  url: string,
  method: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const isRaw = typeof body === 'string' || body instanceof Uint8Array;
  const answer = await fetch(url, {
    method,
    headers: body === undefined ? headers : { 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: isRaw ? body : JSON.stringify(body) }),
    signal: AbortSignal.timeout(requestMs),
  });
  const text = await answer.text();
  const isJson = /json/.test(answer.headers.get('content-type') ?? '');
  return {
    status: answer.status,
    headers: answer.headers,
    text,
    body: isJson ? JSON.parse(text) : {},
  };
}
