import type {
  Broker,
  ConnectionFailure,
  NatsConnection,
} from '@windlass/runtime/broker/connection.ts';
import { z } from 'zod';
import { type Context, ReconcileError } from '../control/kind.ts';
import type { Key } from '../control/objects.ts';
import type { Endpoint } from './endpoint.ts';
import type { Expected } from './expected.ts';
import { JetStreamError } from './jet-stream-error.ts';
import type { Message, Subscriptions } from './subscriptions.ts';

const connectWithinMs = 5_000;
const answerWithinMs = 10_000;

export interface Call {
  /** The first two words of the API: `STREAM.CREATE`. */
  readonly api: string;
  readonly outcome: 'ok' | 'refused' | 'failed';
  readonly durationMs: number;
}

/** On behalf of which object something is changed. */
export interface Mandate {
  readonly object: Key;
  readonly context: Pick<Context, 'fence' | 'logger'>;
}

/** What all handles of one connection share. */
export interface Link {
  readonly broker: Broker;
  /** Every target that was reached over it. */
  readonly targets: Set<string>;
  readonly expected: Expected;
  readonly subscriptions: Subscriptions;
  readonly onCall: ((call: Call) => void) | undefined;
  readonly touch: () => void;
  /** Called when the connection is there again after somebody has missed it. */
  readonly reconnected: Set<() => void>;
  /** Somebody has missed it. */
  readonly miss: () => void;
}

export type Answer = Readonly<Record<string, unknown>>;

/**
 * A JetStream of one account. No request waits longer than 15 s; when there is no connection, it
 * is refused as soon as that is known.
 */
export class JetStream {
  /** The same for two handles of one connection. */
  readonly link: Link;
  readonly target: string;
  private readonly apiPrefix: string;

  constructor(link: Link, { target, apiPrefix }: Pick<Endpoint, 'target' | 'apiPrefix'>) {
    this.link = link;
    this.target = target;
    this.apiPrefix = apiPrefix;
  }

  get connected(): boolean {
    return this.link.broker.connected;
  }

  /**
   * A request that changes nothing, such as `STREAM.INFO.ORDERS`. Rejects with `JetStreamError`
   * when the answer is an error, and with `ReconcileError` when there is none.
   */
  async ask(api: string, body?: unknown): Promise<Answer> {
    const started = performance.now();
    const tell = (outcome: Call['outcome']) =>
      this.link.onCall?.({
        api: api.split('.', 2).join('.'),
        outcome,
        durationMs: performance.now() - started,
      });
    let answer: Answer;
    try {
      answer = await this.request(`${this.apiPrefix}.${api}`, body);
    } catch (error) {
      tell('failed');
      throw error;
    }
    const refusal = errorSchema.safeParse(answer.error).data;
    tell(refusal === undefined ? 'ok' : 'refused');
    if (refusal === undefined) return answer;
    throw new JetStreamError(refusal.code, refusal.err_code, refusal.description);
  }

  /**
   * A request that changes something, on behalf of an object. Only the leader's process gets
   * past the fence. Each one is a line of the log, whatever comes of it.
   */
  async change(api: string, body: unknown, mandate: Mandate): Promise<Answer> {
    const { object, context } = mandate;
    context.fence();
    const line = { audit: 'jetstream', object, target: this.target, api };
    this.link.expected.note(api);
    try {
      const answer = await this.ask(api, body);
      context.logger.info({ ...line, outcome: 'ok' }, 'changed JetStream');
      return answer;
    } catch (error) {
      const errCode = error instanceof JetStreamError ? error.errCode : undefined;
      const outcome = errCode === undefined ? 'failed' : 'refused';
      context.logger.warn({ ...line, outcome, errCode }, 'could not change JetStream');
      if (errCode !== undefined) this.link.expected.forget(api);
      throw error;
    }
  }

  /** A request to any subject; the answer must be a JSON object. */
  async request(subject: string, body?: unknown): Promise<Answer> {
    const connection = await this.connection();
    try {
      const reply = await connection.request(subject, payloadOf(body), { timeout: answerWithinMs });
      return answerSchema.parse(reply.json());
    } catch (error) {
      throw noAnswer(error, this.target, subject);
    }
  }

  /** All answers that come within `waitMs`; returns sooner with the first `enough` of them. */
  async gather(subject: string, body: unknown, waitMs: number, enough = 1_000): Promise<Answer[]> {
    const connection = await this.connection();
    try {
      const replies = await connection.requestMany(subject, payloadOf(body), {
        maxWait: waitMs,
        maxMessages: enough,
      });
      const answers: Answer[] = [];
      for await (const reply of replies) {
        answers.push(answerSchema.parse(reply.json()));
        // The client itself goes on waiting, whatever `maxMessages` it is given.
        if (answers.length >= enough) break;
      }
      return answers;
    } catch (error) {
      throw noAnswer(error, this.target, subject);
    }
  }

  /** Also on each later connection. Returns how to end it. */
  subscribe(subject: string, listener: (message: Message) => void): () => void {
    return this.link.subscriptions.add(subject, listener);
  }

  /** Called when the connection is there again after it was missed. Returns how to end it. */
  onReconnect(listener: () => void): () => void {
    this.link.reconnected.add(listener);
    return () => this.link.reconnected.delete(listener);
  }

  /** Rejects with a named `ReconcileError` when there is none within 5 s. */
  async connection(): Promise<NatsConnection> {
    this.link.touch();
    const found = await this.link.broker.readyWithin(connectWithinMs);
    if (!('kind' in found)) return found;
    this.link.miss();
    throw noConnection(found, this.target);
  }
}

const errorSchema = z.object({
  code: z.int().default(0),
  err_code: z.int().default(0),
  description: z.string().default('without a reason'),
});
const answerSchema = z.record(z.string(), z.unknown());

function payloadOf(body: unknown): string {
  return body === undefined ? '' : JSON.stringify(body);
}

const reasons = {
  refused: 'CredentialsRefused',
  tls: 'TLSFailed',
  unreachable: 'NATSUnreachable',
} as const;

function noConnection({ kind, message }: ConnectionFailure, target: string): ReconcileError {
  return new ReconcileError(reasons[kind], `No connection to ${target}: ${message}.`);
}

/** Neither is the subject's owner there, nor may every user ask it: both are worth a name. */
function noAnswer(error: unknown, target: string, subject: string): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === '503') {
    const text = `Nobody answers ${subject} in ${target}: JetStream is off, or has no leader now.`;
    return new ReconcileError('JetStreamUnavailable', text, { cause: error });
  }
  if (code === 'PERMISSIONS_VIOLATION') {
    const text = `The user of the connection to ${target} may not use ${subject}.`;
    return new ReconcileError('PermissionDenied', text, { cause: error, isStalled: true });
  }
  const text = `${target} did not answer ${subject}.`;
  return new ReconcileError('NATSUnreachable', text, { cause: error });
}
