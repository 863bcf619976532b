import { Failure } from '../failure/errors.ts';
import { type IdempotencyKey, keyName, type UsedKey } from '../store/idempotency.ts';
import type { Reply } from './route.ts';

/** How long a repeated request waits for the first one, in milliseconds. */
const joinMs = 2_000;

interface Flight {
  readonly fingerprint: Buffer;
  readonly reply: Promise<Reply>;
}

/**
 * Requests with an Idempotency-Key that run in this process: each key once. A second request
 * with the same content waits for the first one's answer, one with another content is refused.
 */
export class SingleFlight {
  private readonly flights = new Map<string, Flight>();

  /** Runs `execute` unless the key is already running here. */
  async run(use: IdempotencyKey, execute: () => Promise<Reply>): Promise<Reply> {
    const name = keyName(use);
    const running = this.flights.get(name);
    if (running !== undefined) return await join(running, use);
    const reply = execute();
    this.flights.set(name, { fingerprint: use.fingerprint, reply });
    try {
      return await reply;
    } finally {
      this.flights.delete(name);
    }
  }
}

async function join(running: Flight, use: IdempotencyKey): Promise<Reply> {
  if (!running.fingerprint.equals(use.fingerprint)) throw new Failure('idempotency-key-reused');
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Failure('request-in-flight', { retryAfterSeconds: 1 }));
    }, joinMs);
  });
  try {
    return replayed(await Promise.race([running.reply, late]));
  } finally {
    clearTimeout(timer);
  }
}

/** The answer to a request whose key was used before: the first answer, or a refusal. */
export function replyOfUsedKey(used: UsedKey, use: IdempotencyKey): Reply {
  if (!used.fingerprint.equals(use.fingerprint)) throw new Failure('idempotency-key-reused');
  const { status, body, location } = used.reply;
  const headers: Record<string, string> = {};
  if (status >= 400) headers['Content-Type'] = 'application/problem+json';
  if (location !== undefined) headers.location = location;
  return replayed({ status, body, headers });
}

function replayed(reply: Reply): Reply {
  return { ...reply, headers: { ...reply.headers, 'Idempotency-Replayed': 'true' } };
}
