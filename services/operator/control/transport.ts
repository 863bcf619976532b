import { text } from 'node:stream/consumers';
import { errorText } from '@windlass/runtime/failure/error-text.ts';
import { pause } from '@windlass/runtime/failure/retry.ts';
import { DecoratorHandler, type Dispatcher, errors } from 'undici';
import type { KubeAccess } from './kube-config.ts';
import { KubeError, kubeErrorOf, LostLeadership } from './kube-error.ts';

const requestTimeoutMs = 30_000;
/** Attempts of a call that may be repeated, the first included. */
const attemptsMax = 4;
/** The API server may ask for this pause inside of a call; a longer one is the caller's. */
const pauseMaxMs = 5_000;
const reconnectMs = 20;
/** The API server's own watches tell their version every minute; silence means a dead line. */
const silenceTimeoutMs = 150_000;

export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'apply' | 'patch' | 'delete';

export interface Call {
  readonly verb: Verb;
  /** For counters: `pods`, `streams/status`. */
  readonly what: string;
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Whether it may be sent again without being asked for twice. */
  readonly isIdempotent: boolean;
  readonly timeoutMs?: number;
  /** Throws when the call must not be sent now; asked when an attempt goes on the wire. */
  readonly fence?: (() => void) | undefined;
}

/** One attempt that ended; status 0 when there was no answer. */
export interface CallRecord {
  readonly verb: Verb;
  readonly what: string;
  readonly status: number;
  readonly durationMs: number;
}

const methods = {
  get: 'GET',
  list: 'GET',
  watch: 'GET',
  create: 'POST',
  update: 'PUT',
  apply: 'PATCH',
  patch: 'PATCH',
  delete: 'DELETE',
} as const satisfies Record<Verb, Dispatcher.HttpMethod>;

const contentTypes: Partial<Record<Verb, string>> = {
  // JSON is YAML, and is made and read several times faster.
  apply: 'application/apply-patch+yaml',
  patch: 'application/merge-patch+json',
};

/**
 * Requests to the API server. A call that may be repeated is sent again, a few times, after a
 * broken connection, after a 401 with fresh credentials, and when the server asks for a short
 * pause with `Retry-After`; everything else is the caller's to decide. Rejects with `KubeError`.
 */
export class Transport {
  private readonly access: KubeAccess;
  private readonly onCall: (record: CallRecord) => void;

  constructor(access: KubeAccess, onCall: (record: CallRecord) => void = () => {}) {
    this.access = access;
    this.onCall = onCall;
  }

  /** The parsed body of a 2xx answer. */
  async send(call: Call, signal?: AbortSignal): Promise<unknown> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.once(call);
      } catch (error) {
        const waitMs = attempt < attemptsMax ? repeatAfterMs(call, error, attempt) : undefined;
        if (waitMs === undefined) throw error;
        await pause(waitMs * (1 + Math.random() / 4), signal ?? never);
      }
    }
  }

  /** The bytes of an answer that goes on; an aborted signal ends it. */
  async open(call: Call, signal: AbortSignal): Promise<AsyncIterable<Buffer>> {
    const startedAt = performance.now();
    try {
      const { watches, headers } = await this.access.credentials();
      const response = await watches.request({
        ...this.request(call, headers),
        headersTimeout: requestTimeoutMs,
        bodyTimeout: silenceTimeoutMs,
        signal,
      });
      this.record(call, response.statusCode, startedAt);
      if (response.statusCode === 200) return response.body;
      throw await this.failure(response);
    } catch (error) {
      throw this.unreached(call, error, startedAt);
    }
  }

  private async once(call: Call): Promise<unknown> {
    const startedAt = performance.now();
    const timeoutMs = call.timeoutMs ?? requestTimeoutMs;
    const timeout = new AbortController();
    const timer = setTimeout(() => timeout.abort(timedOut(call, timeoutMs)), timeoutMs);
    try {
      const { requests, headers } = await this.access.credentials();
      const { fence } = call;
      const dispatcher = fence === undefined ? requests : requests.compose(asking(fence));
      const response = await dispatcher.request({
        ...this.request(call, headers),
        signal: timeout.signal,
      });
      this.record(call, response.statusCode, startedAt);
      if (response.statusCode >= 300) throw await this.failure(response);
      return parsed(await response.body.text());
    } catch (error) {
      throw this.unreached(call, error, startedAt);
    } finally {
      clearTimeout(timer);
    }
  }

  private request(call: Call, credentials: Readonly<Record<string, string>>) {
    const { server } = this.access;
    const prefix = server.pathname.replace(/\/$/, '');
    const query = new URLSearchParams(call.query).toString();
    const content = { 'content-type': contentTypes[call.verb] ?? 'application/json' };
    return {
      origin: server.origin,
      path: `${prefix}${call.path}${query === '' ? '' : `?${query}`}`,
      method: methods[call.verb],
      headers: {
        accept: 'application/json',
        'user-agent': 'windlass-operator',
        ...(call.body === undefined ? {} : content),
        ...credentials,
      },
      ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
    };
  }

  private async failure(response: Dispatcher.ResponseData): Promise<KubeError> {
    const { statusCode, headers, body } = response;
    if (statusCode === 401) this.access.forget();
    const retryAfter = headers['retry-after'];
    const answer = await text(body);
    return kubeErrorOf(
      statusCode,
      answer.startsWith('{') ? parsed(answer) : undefined,
      typeof retryAfter === 'string' ? retryAfter : undefined,
    );
  }

  /** Failures without an answer become errors of the same class, and are counted. */
  private unreached(call: Call, error: unknown, startedAt: number): unknown {
    if (error instanceof KubeError && error.status > 0) return error;
    if (error instanceof LostLeadership) return error;
    this.record(call, 0, startedAt);
    if (error instanceof KubeError) return error;
    const reason = error instanceof errors.HeadersTimeoutError ? 'Timeout' : 'Unreachable';
    const words = errorText(error);
    return new KubeError(`the API server was not reached: ${words}`, {
      status: 0,
      reason,
      cause: error,
    });
  }

  private record({ verb, what }: Call, status: number, startedAt: number): void {
    this.onCall({ verb, what, status, durationMs: performance.now() - startedAt });
  }
}

/**
 * Asks when the request is about to be written to its connection, and not before: it may have
 * waited for one, and the process may have stood still.
 */
function asking(fence: () => void): Dispatcher.DispatcherComposeInterceptor {
  return (dispatch) => (options, handler) => dispatch(options, new FencedHandler(handler, fence));
}

interface Forwards extends Dispatcher.DispatchHandler {
  onRequestStart(controller: Dispatcher.DispatchController, context: unknown): void;
}
// The declaration of the class leaves out the methods that it has.
const Forwarding = DecoratorHandler as new (handler: Dispatcher.DispatchHandler) => Forwards;

class FencedHandler extends Forwarding {
  private readonly fence: () => void;

  constructor(handler: Dispatcher.DispatchHandler, fence: () => void) {
    super(handler);
    this.fence = fence;
  }

  override onRequestStart(controller: Dispatcher.DispatchController, context: unknown): void {
    this.fence();
    super.onRequestStart(controller, context);
  }
}

const never = new AbortController().signal;

function timedOut(call: Call, timeoutMs: number): KubeError {
  return new KubeError(`${call.verb} ${call.what} had no answer within ${timeoutMs} ms`, {
    status: 0,
    reason: 'Timeout',
  });
}

/** Undefined when it must not be sent again here. */
function repeatAfterMs(call: Call, error: unknown, attempt: number): number | undefined {
  if (!call.isIdempotent || !(error instanceof KubeError)) return undefined;
  const { status, retryAfterMs } = error;
  if (status === 401) return attempt === 1 ? 0 : undefined;
  if (status === 0) return isDroppedConnection(error.cause) ? reconnectMs : undefined;
  if (status !== 429 && status < 500) return undefined;
  return retryAfterMs !== undefined && retryAfterMs <= pauseMaxMs ? retryAfterMs : undefined;
}

/** A kept connection that the server closed just when it was used again. */
function isDroppedConnection(cause: unknown): boolean {
  if (!(cause instanceof Error) || !('code' in cause)) return false;
  return cause.code === 'UND_ERR_SOCKET' || cause.code === 'ECONNRESET' || cause.code === 'EPIPE';
}

function parsed(answer: string): unknown {
  try {
    return answer === '' ? undefined : JSON.parse(answer);
  } catch (error) {
    throw new KubeError('the API server answered something that is not JSON', {
      status: 0,
      reason: 'Unreachable',
      cause: error,
    });
  }
}
