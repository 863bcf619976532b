import { parseHeaders } from '../broker/headers.ts';
import type { Outgoing, Publisher } from '../broker/publisher.ts';
import {
  type DeadLetter,
  deadLetterId,
  type FailedMessage,
  insertDeadLetter,
} from '../store/dead-letters.ts';
import type { Database } from '../store/pool.ts';
import type { Logger } from '../telemetry/log.ts';
import { pause } from './retry.ts';

const attempts = 3;
const retryMs = 500;

export interface UndertakerOptions {
  readonly service: string;
  readonly serviceVersion: string;
  readonly database: Database;
  readonly publisher: Publisher;
  readonly logger: Pick<Logger, 'error'>;
  readonly onFiled: (letter: DeadLetter) => void;
}

export type Verdict = Pick<
  DeadLetter,
  'reason' | 'errorClass' | 'message' | 'stackHash' | 'deliveries' | 'firstFailedAt'
>;

/** Files dead letters: first in the stream `DEAD_LETTER`, then in the service's table. */
export class Undertaker {
  private readonly options: UndertakerOptions;

  constructor(options: UndertakerOptions) {
    this.options = options;
  }

  /**
   * Resolves when the dead letter is stored in both places. Rejects when it is not: the message
   * must then not be ended. Repeating is harmless.
   */
  async file(message: FailedMessage, verdict: Verdict): Promise<void> {
    const { consumer, stream, streamSequence, subject, headers, body } = message;
    const letter: DeadLetter = {
      id: deadLetterId(stream, streamSequence, consumer),
      consumer,
      stream,
      streamSequence,
      subject,
      headers,
      body,
      serviceVersion: this.options.serviceVersion,
      lastFailedAt: Date.now(),
      ...verdict,
      message: storable(verdict.message),
    };
    await this.publish(letter);
    await this.options.database.query(insertDeadLetter(letter));
    this.options.onFiled(letter);
    const original = parseHeaders(headers);
    this.options.logger.error(
      {
        deadLetter: letter.id,
        reason: letter.reason,
        error: letter.message,
        subject,
        deliveries: letter.deliveries,
        correlationId: original.get('ce-correlationid'),
      },
      'a message became a dead letter',
    );
  }

  private async publish(letter: DeadLetter): Promise<void> {
    const message = asMessage(this.options.service, letter);
    for (let attempt = 1; ; attempt++) {
      const [error] = await this.options.publisher.publishEach([message]);
      if (error === undefined) return;
      if (attempt === attempts) throw error;
      await pause(retryMs * attempt, new AbortController().signal);
    }
  }
}

/** The original headers are kept; those that steer JetStream are not repeated. */
function asMessage(service: string, letter: DeadLetter): Outgoing {
  const kept = letter.headers
    .split('\r\n')
    .filter((line) => line !== '' && !/^nats-/i.test(line))
    .map((line) => `${line}\r\n`)
    .join('');
  const fields: Record<string, string> = {
    'Nats-Msg-Id': letter.id,
    'Nats-Expected-Stream': 'DEAD_LETTER',
    'windlass-reason': letter.reason,
    'windlass-error-class': letter.errorClass,
    'windlass-error': oneLine(letter.message),
    'windlass-stack-hash': letter.stackHash,
    'windlass-consumer': letter.consumer,
    'windlass-service-version': letter.serviceVersion,
    'windlass-stream': letter.stream,
    'windlass-stream-sequence': String(letter.streamSequence),
    'windlass-subject': oneLine(letter.subject),
    'windlass-deliveries': String(letter.deliveries),
    'windlass-first-failed-at': new Date(letter.firstFailedAt).toISOString(),
    'windlass-last-failed-at': new Date(letter.lastFailedAt).toISOString(),
  };
  const lines = Object.entries(fields)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
  return {
    subject: `dead-letter.${service}.${letter.consumer}`,
    headers: lines + kept,
    body: letter.body,
  };
}

/** PostgreSQL stores neither NUL nor lone surrogates, and the text may quote what it refused. */
function storable(text: string): string {
  return text.toWellFormed().replaceAll('\0', '');
}

/** Header values are one line of printable ASCII. */
function oneLine(text: string): string {
  return text.replace(/[^\x20-\x7e]+/g, ' ').slice(0, 512);
}
