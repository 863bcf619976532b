import type { Msg } from 'nats';
import { headerLines } from './headers.ts';

/** One delivery of one message to this process. It is settled once: acked, put back or ended. */
export interface Delivery {
  readonly subject: string;
  readonly body: Uint8Array;
  /** Header lines as received. */
  readonly headers: string;
  readonly stream: string;
  readonly durable: string;
  /** From 1: how often the server has delivered it, this time included. */
  readonly deliveries: number;
  readonly streamSequence: number;
  /** When the stream stored it, in milliseconds since the epoch. */
  readonly storedAt: number;
  /** Messages of the consumer that wait behind this one on the server. */
  readonly pending: number;
  ack(): void;
  /** Puts it back, to be delivered again after `delayMs`. */
  nak(delayMs: number): void;
  /** Tells the server that it is still being worked on: `ack_wait` starts again. */
  working(): void;
  /** Ends it: it is not delivered again. */
  term(reason: string): void;
}

const ackBytes = Buffer.from('+ACK');
const workingBytes = Buffer.from('+WPI');

/**
 * Reads `$JS.ACK.<stream>.<durable>.<deliveries>.<stream seq>.<consumer seq>.<ns>.<pending>`,
 * with two more tokens (domain, account hash) before the stream on servers that send the longer
 * form. `undefined` for a status.
 */
export function deliveryOf(message: Msg): Delivery | undefined {
  const { reply } = message;
  if (reply === undefined || !reply.startsWith('$JS.ACK.')) return undefined;
  const tokens = reply.split('.');
  return new PulledDelivery(message, tokens, tokens.length > 9 ? 4 : 2);
}

/** A class, because there is one for each message: its methods are not made anew. */
class PulledDelivery implements Delivery {
  readonly subject: string;
  readonly body: Uint8Array;
  readonly headers: string;
  readonly stream: string;
  readonly durable: string;
  readonly deliveries: number;
  readonly streamSequence: number;
  readonly storedAt: number;
  readonly pending: number;
  private readonly message: Msg;
  private settled = false;

  constructor(message: Msg, tokens: readonly string[], first: number) {
    this.message = message;
    this.subject = message.subject;
    this.body = message.data;
    this.headers = headerLines(message);
    this.stream = tokens[first] ?? '';
    this.durable = tokens[first + 1] ?? '';
    this.deliveries = Number(tokens[first + 2]);
    this.streamSequence = Number(tokens[first + 3]);
    this.storedAt = Number(tokens[first + 5]) / 1e6;
    this.pending = Number(tokens[first + 6]);
  }

  ack(): void {
    this.settle(ackBytes);
  }

  nak(delayMs: number): void {
    this.settle(Buffer.from(`-NAK {"delay":${Math.round(delayMs * 1e6)}}`));
  }

  working(): void {
    // After a nak it would put the next delivery off.
    if (!this.settled) this.message.respond(workingBytes);
  }

  term(reason: string): void {
    this.settle(Buffer.from(`+TERM ${reason}`));
  }

  private settle(answer: Uint8Array): void {
    this.settled = true;
    this.message.respond(answer);
  }
}
