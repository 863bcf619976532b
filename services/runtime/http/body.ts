import { isUtf8 } from 'node:buffer';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { Failure } from '../failure/errors.ts';

const jsonType = /^application\/json[ \t]*(;[ \t]*charset="?utf-8"?[ \t]*)?$/i;

/** Whether the header announces a body. An empty one counts as none. */
export function hasBody(headers: IncomingHttpHeaders): boolean {
  const length = headers['content-length'];
  return (length !== undefined && length !== '0') || headers['transfer-encoding'] !== undefined;
}

/** What the header alone is refused for, so that nothing of the body needs to be read. */
export function refusedByHeader(headers: IncomingHttpHeaders, max: number): Failure | undefined {
  const type = headers['content-type'];
  if (type !== 'application/json' && (type === undefined || !jsonType.test(type))) {
    return new Failure('unsupported-media-type');
  }
  // Nothing is ever inflated, so that a small body cannot become a large one.
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') {
    return new Failure('unsupported-media-type');
  }
  const length = headers['content-length'];
  if (length !== undefined && Number(length) > max) return new Failure('body-too-large');
  return undefined;
}

/**
 * Reads a JSON body of at most `max` bytes and calls back once, with the value or with the
 * failure. It does not call back when the client goes away or is cut off before the end.
 */
export function readJson(
  request: IncomingMessage,
  max: number,
  done: (failure: Failure | undefined, value: unknown) => void,
): void {
  let first: Buffer | undefined;
  let rest: Buffer[] | undefined;
  let size = 0;
  const take = (chunk: Buffer) => {
    size += chunk.length;
    if (size > max) {
      request.off('data', take);
      request.off('end', finish);
      discardRest(request, max);
      done(new Failure('body-too-large'), undefined);
    } else if (first === undefined) {
      first = chunk;
    } else {
      rest ??= [first];
      rest.push(chunk);
    }
  };
  const finish = () => {
    const bytes = rest === undefined ? first : Buffer.concat(rest, size);
    if (bytes === undefined) return done(undefined, undefined);
    if (!isUtf8(bytes)) {
      return done(new Failure('malformed-json', { detail: 'It is not UTF-8.' }), undefined);
    }
    let value: unknown;
    try {
      value = JSON.parse(bytes.toString());
    } catch {
      // The parser's message quotes the body, so it is not passed on.
      return done(new Failure('malformed-json'), undefined);
    }
    done(undefined, value);
  };
  request.on('data', take);
  request.on('end', finish);
  // Without a listener the end of the connection in mid-body would end the process.
  request.on('error', ignore);
}

/**
 * Throws away what is left of a refused body, so that the client gets to read the answer, and
 * cuts the connection when that is more than four times the limit. Time-outs bound the rest.
 */
export function discardRest(request: IncomingMessage, max: number): void {
  let left = 4 * max;
  request.on('error', ignore);
  request.on('data', (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) request.destroy();
  });
}

function ignore(): void {}
