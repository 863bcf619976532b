import { headers, type Msg, type MsgHdrs } from 'nats';
import { type RecordedEvent, streamOf } from '../event.ts';

/**
 * CloudEvents 1.0 in binary mode: attributes are `ce-` headers, the body is the data.
 * https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/nats-protocol-binding.md
 */
export function eventHeaders(event: RecordedEvent): string {
  const context = event.type.slice(0, event.type.indexOf('.'));
  const causation =
    event.causationId === undefined ? '' : `ce-causationid: ${event.causationId}\r\n`;
  return (
    `Nats-Msg-Id: ${event.id}\r\nNats-Expected-Stream: ${streamOf(event.type)}\r\n` +
    `ce-specversion: 1.0\r\nce-id: ${event.id}\r\nce-logicalid: ${event.id}\r\n` +
    `ce-source: /windlass/${context}\r\nce-type: windlass.${event.type}.v${event.version}\r\n` +
    `ce-subject: ${event.aggregateId}\r\nce-partitionkey: ${event.aggregateId}\r\n` +
    `ce-sequence: ${String(event.sequence).padStart(10, '0')}\r\n` +
    `ce-time: ${new Date(event.time).toISOString()}\r\n` +
    `ce-correlationid: ${event.correlationId}\r\n${causation}` +
    `ce-datacontenttype: application/json\r\ntraceparent: ${event.traceparent}\r\n`
  );
}

const preamble = 'NATS/1.0\r\n';

/**
 * Carries header lines to the client as bytes. Its own header object checks and copies each
 * field, which costs more than publishing. One instance serves one connection: the client
 * encodes while `publish` runs.
 */
export class HeaderCarrier {
  private bytes: Uint8Array = new Uint8Array();
  readonly headers: MsgHdrs;

  constructor() {
    this.headers = Object.assign(headers(), { encode: () => this.bytes });
  }

  /** `lines` are whole header lines, each ended by CRLF, in ASCII. */
  carry(lines: string): MsgHdrs {
    this.bytes = Buffer.from(`${preamble}${lines}\r\n`, 'latin1');
    return this.headers;
  }
}

/** The header lines of a message as it was received, without its first line; '' when none. */
export function headerLines(message: Msg): string {
  const raw = rawHeaderBytes(message);
  if (raw === undefined) return linesOf(message.headers);
  const text = raw.toString('latin1');
  const start = text.indexOf('\r\n') + 2;
  return text.slice(start, text.lastIndexOf('\r\n'));
}

/**
 * The undecoded header block of npm `nats` 2.29. Its own decoding takes a multiple of the time
 * that a batch spends on the rest of a message. Where the client's insides differ from what is
 * known here, the public way is taken.
 */
function rawHeaderBytes(message: Msg): Buffer | undefined {
  if (!('_rdata' in message) || !('_msg' in message)) return undefined;
  const { _rdata: data, _msg: argument } = message;
  if (!(data instanceof Uint8Array) || typeof argument !== 'object' || argument === null) {
    return undefined;
  }
  const length = 'hdr' in argument && typeof argument.hdr === 'number' ? argument.hdr : 0;
  if (length <= 0) return undefined;
  return Buffer.from(data.buffer, data.byteOffset, length);
}

function linesOf(decoded: MsgHdrs | undefined): string {
  if (decoded === undefined) return '';
  let lines = '';
  for (const key of decoded.keys()) {
    for (const value of decoded.values(key)) lines += `${key}: ${value}\r\n`;
  }
  return lines;
}

/** Values by lower-case name. The first of a repeated header counts. */
export function parseHeaders(lines: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  let start = 0;
  while (start < lines.length) {
    let end = lines.indexOf('\r\n', start);
    if (end < 0) end = lines.length;
    const colon = lines.indexOf(':', start);
    if (colon > start && colon < end) {
      const name = lines.slice(start, colon).toLowerCase();
      if (!found.has(name)) found.set(name, lines.slice(colon + 1, end).trim());
    }
    start = end + 2;
  }
  return found;
}
