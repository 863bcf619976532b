import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import * as fields from '@windlass/contracts/fields.ts';
import { z } from 'zod';
import { type Faults, faults as faultsSchema, isHit } from './faults.ts';
import type { Entry, LedgerFile } from './ledger.ts';
import type { Provider } from './provider.ts';

const bodyBytesMax = 65_536;
const reportMax = 1_000;

const key = z.string().regex(/^[A-Za-z0-9_-]{1,255}$/);
const chargeRequest = z.compile(
  z.strictObject({
    key,
    orderId: fields.id,
    amount: fields.amount,
    currency: fields.currency,
  }),
);
const refundRequest = z.strictObject({ key, chargeKey: key, amount: fields.amount.min(1) });

interface Answer {
  readonly status: number;
  /** JSON text: that of a new entry goes into the ledger as well. */
  readonly text: string;
}
const answerOf = (status: number, body: unknown): Answer => ({
  status,
  text: JSON.stringify(body),
});
const notFound = answerOf(404, { error: 'not-found' });
const invalid = answerOf(400, { error: 'invalid-request' });
const keyReused = answerOf(409, { error: 'key-reused' });
const down = answerOf(503, { error: 'down' });

/**
 * The provider's API. A charge or a refund is answered when it stands in the ledger file, and
 * the same key is given the same answer for ever. Plain, because every order comes by here.
 */
export class ProviderServer {
  private readonly provider: Provider;
  private readonly ledger: LedgerFile;
  private faults: Faults = faultsSchema.parse({});
  private requests = 0;

  constructor(provider: Provider, ledger: LedgerFile) {
    this.provider = provider;
    this.ledger = ledger;
  }

  readonly handle: RequestListener = (request, response) => {
    this.requests += 1;
    const url = request.url ?? '/';
    if (this.faults.down && url.startsWith('/v1/')) {
      request.resume();
      send(response, down);
      return;
    }
    if (request.method === 'GET') this.answer(response, this.read(url));
    else readBody(request, response, (body) => this.write(request.method, url, body, response));
  };

  /** Prometheus text. */
  metrics(): string {
    const { captures, refunds } = this.provider.summary();
    return [
      '# TYPE provider_requests_total counter',
      `provider_requests_total ${this.requests}`,
      '# TYPE provider_captures_total counter',
      `provider_captures_total ${captures}`,
      '# TYPE provider_refunds_total counter',
      `provider_refunds_total ${refunds}\n`,
    ].join('\n');
  }

  private read(url: string): Answer {
    const [path = '/', search = ''] = url.split('?', 2);
    const [, collection, last = ''] = path.split(/^(\/v1\/charges\/|\/v1\/refunds\/)/);
    if (collection === '/v1/charges/') return found(this.provider.charge(last));
    if (collection === '/v1/refunds/') return found(this.provider.refund(last));
    const query = new URLSearchParams(search);
    switch (path) {
      case '/v1/report': {
        const limit = Math.min(reportMax, Number(query.get('limit') ?? reportMax) || reportMax);
        return answerOf(200, this.provider.report(query.get('after') ?? '', limit));
      }
      case '/ledger':
        return answerOf(200, {
          summary: this.provider.summary(),
          entries: this.provider.entries(),
        });
      case '/ledger/summary':
        return answerOf(200, this.provider.summary());
      case '/faults':
        return answerOf(200, this.faults);
      default:
        return notFound;
    }
  }

  private write(
    method: string | undefined,
    url: string,
    body: unknown,
    response: ServerResponse,
  ): void {
    if (method === 'POST' && url === '/v1/charges') this.charge(body, response);
    else if (method === 'POST' && url === '/v1/refunds') this.refund(body, response);
    else if (method === 'PUT' && url === '/faults') {
      const parsed = faultsSchema.safeParse(body);
      if (parsed.success) this.faults = parsed.data;
      send(response, parsed.success ? answerOf(200, this.faults) : invalid);
    } else send(response, notFound);
  }

  private charge(body: unknown, response: ServerResponse): void {
    const parsed = chargeRequest.safeParse(body);
    if (!parsed.success) {
      send(response, invalid);
      return;
    }
    const request = parsed.data;
    const before = this.provider.charge(request.key);
    if (before !== undefined) {
      const isSame = before.orderId === request.orderId && before.amount === request.amount;
      this.answerWritten(response, isSame ? outcome(before) : keyReused);
      return;
    }
    const answer = this.record(this.provider.decideCharge(request, this.faults));
    // The client hears nothing; what it did is found by its key.
    if (isHit(request.key, 'timeout', this.faults.timeoutAfterChargePercent)) return;
    this.answerWritten(response, answer);
  }

  private refund(body: unknown, response: ServerResponse): void {
    const parsed = refundRequest.safeParse(body);
    if (!parsed.success) {
      send(response, invalid);
      return;
    }
    const request = parsed.data;
    const before = this.provider.refund(request.key);
    if (before !== undefined) {
      const isSame = before.chargeKey === request.chargeKey && before.amount === request.amount;
      this.answerWritten(response, isSame ? outcome(before) : keyReused);
      return;
    }
    const answer = this.record(this.provider.decideRefund(request, this.faults));
    this.answerWritten(response, answer);
  }

  private record(entry: Entry): Answer {
    const answer = outcome(entry);
    this.provider.apply(entry);
    this.ledger.append(answer.text);
    return answer;
  }

  /** Also for a repeated key: the first request with it may not be written yet. */
  private answerWritten(response: ServerResponse, answer: Answer): void {
    this.ledger.whenWritten(() => this.answer(response, answer));
  }

  private answer(response: ServerResponse, answer: Answer): void {
    if (this.faults.slowMs === 0) send(response, answer);
    else setTimeout(send, this.faults.slowMs, response, answer);
  }
}

const found = (entry: Entry | undefined): Answer =>
  entry === undefined ? notFound : answerOf(200, entry);

function outcome(entry: Entry): Answer {
  if (entry.status === 'declined') return answerOf(402, entry);
  return answerOf(entry.status === 'refused' ? 422 : 201, entry);
}

function send(response: ServerResponse, { status, text }: Answer): void {
  response.writeHead(status, [
    'Content-Type',
    'application/json',
    'Content-Length',
    String(Buffer.byteLength(text)),
  ]);
  response.end(text);
}

function readBody(
  request: IncomingMessage,
  response: ServerResponse,
  then: (body: unknown) => void,
): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= bodyBytesMax) chunks.push(chunk);
    else request.destroy();
  });
  request.on('end', () => {
    let body: unknown;
    try {
      body = JSON.parse(chunks.length === 1 ? `${chunks[0]}` : Buffer.concat(chunks).toString());
    } catch {
      send(response, invalid);
      return;
    }
    then(body);
  });
}
