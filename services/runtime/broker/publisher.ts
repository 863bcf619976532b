import { randomBytes } from 'node:crypto';
import type { Msg, Subscription } from 'nats';
import { errorText } from '../failure/error-text.ts';
import { AckTimeout } from './ack-timeout.ts';
import type { Broker, NatsConnection } from './connection.ts';
import { HeaderCarrier } from './headers.ts';

/** A message that JetStream is asked to store. */
export interface Outgoing {
  readonly subject: string;
  /** Header lines, each ended by CRLF; they hold `Nats-Msg-Id`, so repeating is harmless. */
  readonly headers: string;
  readonly body: Uint8Array;
}

/** Why a message was not stored, or is not known to be. */
export class PublishError extends Error {
  /** JetStream's error code; 0 when there was no answer. */
  readonly errorCode: number;

  constructor(message: string, errorCode: number) {
    super(message);
    this.name = 'PublishError';
    this.errorCode = errorCode;
  }
}

/** JetStream takes at most this many messages in one atomic batch. */
export const atomicBatchMax = 1_000;
const scanIntervalMs = 100;

interface Pending {
  readonly sentAt: number;
  readonly settle: (error: PublishError | undefined) => void;
}

/**
 * Publishes to JetStream without a promise, a timer or a subscription for each message: one
 * wildcard inbox takes all acknowledgements, one timer looks for those that do not come.
 */
export class Publisher {
  private readonly broker: Broker;
  private readonly carrier = new HeaderCarrier();
  private readonly pending = new Map<number, Pending>();
  private readonly timeout = new AckTimeout();
  private readonly inbox: string;
  private subscription: Subscription | undefined;
  private subscribedTo: NatsConnection | undefined;
  private next = 0;
  private readonly scan: NodeJS.Timeout;
  private readonly unlisten: () => void;

  constructor(broker: Broker) {
    this.broker = broker;
    this.inbox = broker.newInbox();
    // What has come while this process was busy is read first.
    this.scan = setInterval(() => setImmediate(() => this.expireLate()), scanIntervalMs);
    this.scan.unref();
    this.unlisten = broker.onChange((connected) => {
      // What was under way may be stored or not: the sender repeats it.
      if (!connected) this.expire(Number.POSITIVE_INFINITY);
    });
  }

  /**
   * Sends each message on its own; JetStream may store them in any order and any subset. One
   * entry for each message: `undefined` when it is stored. Never rejects.
   */
  async publishEach(messages: readonly Outgoing[]): Promise<readonly (PublishError | undefined)[]> {
    const connection = this.connection();
    if (connection === undefined) return messages.map(() => disconnected());
    const results = new Array<PublishError | undefined>(messages.length);
    await new Promise<void>((resolve) => {
      let open = messages.length;
      if (open === 0) resolve();
      messages.forEach((message, index) => {
        this.send(connection, message, '', (error) => {
          results[index] = error;
          open -= 1;
          if (open === 0) resolve();
        });
      });
    });
    return results;
  }

  /**
   * Stores all messages in their order, or none: an atomic batch, one group of fsyncs however
   * large. All belong to one stream; 1 to 1 000 messages. Resolves with the error, if any; a
   * time-out leaves open whether it was stored.
   */
  async publishAtomically(messages: readonly Outgoing[]): Promise<PublishError | undefined> {
    const connection = this.connection();
    if (connection === undefined) return disconnected();
    const id = randomBytes(12).toString('base64url');
    return await new Promise((resolve) => {
      messages.forEach((message, index) => {
        const place = `Nats-Batch-Id: ${id}\r\nNats-Batch-Sequence: ${index + 1}\r\n`;
        const last = index === messages.length - 1;
        if (last) {
          this.send(connection, message, `${place}Nats-Batch-Commit: 1\r\n`, resolve);
        } else if (index === 0) {
          // Its answer is empty when the batch was opened; an error comes again at the commit.
          this.send(connection, message, place, () => undefined);
        } else {
          // The commit is refused when this one is missing.
          tryTo(() =>
            connection.publish(message.subject, message.body, {
              headers: this.carrier.carry(message.headers + place),
            }),
          );
        }
      });
    });
  }

  close(): void {
    clearInterval(this.scan);
    this.unlisten();
    this.subscription?.unsubscribe();
    this.expire(Number.POSITIVE_INFINITY);
  }

  private connection(): NatsConnection | undefined {
    const connection = this.broker.current;
    if (connection !== undefined && connection !== this.subscribedTo) {
      // A reconnect keeps the subscription; a new connection has none.
      this.subscription = connection.subscribe(`${this.inbox}.*`, {
        callback: (error, message) => {
          if (error === null) this.acknowledged(message);
        },
      });
      this.subscribedTo = connection;
    }
    return connection;
  }

  private send(
    connection: NatsConnection,
    message: Outgoing,
    more: string,
    settle: (error: PublishError | undefined) => void,
  ): void {
    const number = this.next++;
    this.pending.set(number, { sentAt: performance.now(), settle });
    const error = tryTo(() =>
      connection.publish(message.subject, message.body, {
        headers: this.carrier.carry(message.headers + more),
        reply: `${this.inbox}.${number}`,
      }),
    );
    if (error === undefined) return;
    this.pending.delete(number);
    settle(error);
  }

  private acknowledged(message: Msg): void {
    const number = Number(message.subject.slice(this.inbox.length + 1));
    const pending = this.pending.get(number);
    if (pending === undefined) return;
    this.pending.delete(number);
    this.timeout.answered(performance.now() - pending.sentAt);
    pending.settle(errorOf(message));
  }

  private expireLate(): void {
    if (this.expire(performance.now() - this.timeout.ms) > 0) this.timeout.passed();
  }

  /** Gives up what was sent until then, and tells how many those are. */
  private expire(sentUntil: number): number {
    let count = 0;
    for (const [number, pending] of this.pending) {
      // The oldest come first.
      if (pending.sentAt > sentUntil) break;
      this.pending.delete(number);
      pending.settle(new PublishError('JetStream did not acknowledge in time', 0));
      count += 1;
    }
    return count;
  }
}

/** The client throws when it is closed and when a message is larger than the server takes. */
function tryTo(publish: () => void): PublishError | undefined {
  try {
    publish();
    return undefined;
  } catch (error) {
    return new PublishError(errorText(error), 0);
  }
}

function disconnected(): PublishError {
  return new PublishError('not connected to NATS', 0);
}

/** `{"error":…}` or an acknowledgement; an empty one opened a batch, or nobody listens (503). */
function errorOf(message: Msg): PublishError | undefined {
  const { data } = message;
  if (data.length === 0) {
    const code = message.headers?.code ?? 0;
    return code === 503 ? new PublishError('no stream takes this subject', code) : undefined;
  }
  // Cheaper than parsing what is nearly always an acknowledgement: `{"stream":`.
  if (data[2] === 115) return undefined;
  const answer: unknown = JSON.parse(Buffer.from(data).toString());
  if (typeof answer !== 'object' || answer === null || !('error' in answer)) return undefined;
  const { error } = answer;
  if (typeof error !== 'object' || error === null) return undefined;
  const description = 'description' in error ? String(error.description) : 'refused';
  return new PublishError(description, 'err_code' in error ? Number(error.err_code) : 0);
}
