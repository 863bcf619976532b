import { randomInt, randomUUID } from 'node:crypto';
import { Agent, request } from 'node:http';
import { settledStatuses } from '@windlass/contracts/orders.ts';
import { errorText } from '@windlass/runtime/failure/error-text.ts';
import { z } from 'zod';
import { sampleSkus } from './sample.ts';

/** Below the order service's bound of waiting requests. */
const openMax = 900;
const settleMs = 60_000;
const waitSeconds = 10;
const requestTimeoutMs = 20_000;
/** Of one order: a refusal because of overload or a restart is tried again, for a minute. */
const placeAttempts = 20;
const retryMs = 250;
const retryMaxMs = 3_000;
/** What the same request may not be answered with again: held up, under way, too many. */
const passing = new Set([408, 409, 429]);
const maxLines = 5;
const customers = 10_000;

/** What became of one order that was placed. */
export interface Followed {
  /** When it was first sent, in milliseconds since 1970. */
  readonly startedAt: number;
  /** How often it was sent until it was accepted. */
  readonly attempts: number;
  /** From when it was first sent to its acceptance. */
  readonly acceptedMs: number;
  /** From the acceptance to the answer that says that the order is settled. */
  readonly settledMs: number;
  readonly status: string;
}

export interface Placed {
  onAccepted(): void;
  onSettled(order: Followed): void;
  /** An order that was not accepted, or is not settled in time. */
  onFailed?(startedAt: number, reason: string): void;
}

export interface LoadOptions extends Placed {
  readonly url: string;
  readonly count: number;
  /** Requests that place orders, at a time. */
  readonly concurrency: number;
  /** Orders a second at most. */
  readonly rate?: number;
  /** An order that is not settled in this time after its acceptance counts as lost. A minute. */
  readonly settleMs?: number;
  /** Once it is aborted no other order is placed; those that are under way are followed. */
  readonly signal?: AbortSignal;
}

interface Accepted extends Pick<Followed, 'startedAt' | 'attempts' | 'acceptedMs'> {
  readonly orderId: string;
}

const orderAnswer = z.object({ orderId: z.string(), status: z.string() });

/**
 * Places random orders for the sample stock and follows each until it is settled or counts as
 * lost. Resolves with the reasons of those that failed, and how often each occurred.
 */
export async function placeOrders(options: LoadOptions): Promise<ReadonlyMap<string, number>> {
  const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });
  const failures = new Map<string, number>();
  const open = new Set<Promise<void>>();
  const started = performance.now();
  let next = 0;
  const follow = async ({ orderId, ...order }: Accepted) => {
    const acceptedAt = performance.now();
    const status = await settled(agent, options.url, orderId, options.settleMs ?? settleMs);
    options.onSettled({ ...order, status, settledMs: performance.now() - acceptedAt });
  };
  const note = (startedAt: number, error: unknown) => {
    const reason = errorText(error);
    failures.set(reason, (failures.get(reason) ?? 0) + 1);
    options.onFailed?.(startedAt, reason);
  };
  const worker = async () => {
    while (next < options.count && options.signal?.aborted !== true) {
      const number = next++;
      if (options.rate !== undefined) await until(started + (number * 1_000) / options.rate);
      while (open.size >= openMax) await Promise.race(open);
      const startedAt = Date.now();
      try {
        const order = await place(agent, options.url, startedAt);
        options.onAccepted();
        const following = follow(order)
          .catch((error) => note(startedAt, error))
          .finally(() => open.delete(following));
        open.add(following);
      } catch (error) {
        note(startedAt, error);
      }
    }
  };
  await Promise.all(Array.from({ length: options.concurrency }, worker));
  await Promise.all(open);
  agent.destroy();
  return failures;
}

/** Safe to repeat: every attempt has the same key. */
async function place(agent: Agent, url: string, startedAt: number): Promise<Accepted> {
  const began = performance.now();
  const headers = { 'content-type': 'application/json', 'idempotency-key': randomUUID() };
  const body = JSON.stringify(randomOrder());
  let last = '';
  for (let attempts = 1; attempts <= placeAttempts; attempts++) {
    const answer = await send(agent, `${url}/v1/orders`, 'POST', headers, body);
    if (answer.status === 202) {
      const { orderId } = orderAnswer.parse(JSON.parse(answer.body));
      return { orderId, startedAt, attempts, acceptedMs: performance.now() - began };
    }
    last = `POST /v1/orders: ${answer.status} ${answer.body.slice(0, 200)}`;
    if (answer.status >= 400 && answer.status < 500 && !passing.has(answer.status)) break;
    await until(performance.now() + Math.min(retryMs * 2 ** (attempts - 1), retryMaxMs));
  }
  throw new Error(last);
}

async function settled(
  agent: Agent,
  url: string,
  orderId: string,
  withinMs: number,
): Promise<string> {
  const address = `${url}/v1/orders/${orderId}?wait=${waitSeconds}s`;
  const deadline = performance.now() + withinMs;
  let last = 'nothing';
  while (performance.now() < deadline) {
    const answer = await send(agent, address, 'GET', {}, '');
    if (answer.status === 200) {
      const { status } = orderAnswer.parse(JSON.parse(answer.body));
      if (settledStatuses.some((each) => each === status)) return status;
      last = status;
    } else {
      last = `${answer.status}`;
      await until(performance.now() + retryMs);
    }
  }
  throw new Error(`not settled after ${withinMs / 1_000} s (${last})`);
}

function randomOrder() {
  const lines = Array.from({ length: randomInt(1, maxLines + 1) }, () => ({
    sku: sampleSkus[randomInt(sampleSkus.length)],
    quantity: randomInt(1, 4),
    unitPrice: randomInt(100, 10_000),
  }));
  return { customerId: `c-${randomInt(1, customers)}`, currency: 'EUR', lines };
}

interface Answer {
  /** 0 when there was none. */
  readonly status: number;
  readonly body: string;
}

function send(
  agent: Agent,
  url: string,
  method: string,
  headers: Record<string, string>,
  body: string,
): Promise<Answer> {
  return new Promise((resolve) => {
    const failed = (error: Error) => resolve({ status: 0, body: error.message });
    const sent = request(url, { agent, method, headers, timeout: requestTimeoutMs }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', failed);
      answer.on('end', () => {
        resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(chunks).toString() });
      });
    });
    sent.on('error', failed);
    sent.on('timeout', () => sent.destroy(new Error('no answer in time')));
    sent.end(body);
  });
}

function until(time: number): Promise<void> {
  const delay = time - performance.now();
  return delay <= 0 ? Promise.resolve() : new Promise((done) => setTimeout(done, delay));
}
