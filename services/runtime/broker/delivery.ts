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
  const first = tokens.length > 9 ? 4 : 2;
  const token = (index: number): string => tokens[first + index] ?? '';
  return {
    subject: message.subject,
    body: message.data,
    headers: headerLines(message),
    stream: token(0),
    durable: token(1),
    deliveries: Number(token(2)),
    streamSequence: Number(token(3)),
    storedAt: Number(token(5)) / 1e6,
    pending: Number(token(6)),
    ack: () => void message.respond(ackBytes),
    nak: (delayMs) =>
      void message.respond(Buffer.from(`-NAK {"delay":${Math.round(delayMs * 1e6)}}`)),
    working: () => void message.respond(workingBytes),
    term: (reason) => void message.respond(Buffer.from(`+TERM ${reason}`)),
  };
}
