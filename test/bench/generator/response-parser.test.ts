import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ResponseParser } from './response-parser.ts';

const accepted =
  'HTTP/1.1 202 Accepted\r\nX-A: b\r\nContent-Length: 11\r\nDate: x\r\n\r\n{"a":"b\r\n"}';
const refused = 'HTTP/1.1 503 Service Unavailable\r\ncontent-length:2\r\nretry-after: 1\r\n\r\n{}';
const empty = 'HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n';

function feed(parser: ResponseParser, text: string): number {
  const bytes = Buffer.from(text, 'latin1');
  return parser.feed(bytes, bytes.length);
}

describe('the parser of answers', () => {
  test('gives the status of an answer that comes at once', () => {
    const parser = new ResponseParser();
    expect([accepted, refused, empty, accepted].map((text) => feed(parser, text))).toEqual([
      202, 503, 204, 202,
    ]);
  });

  test('waits for the rest wherever an answer is cut', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(accepted, refused, empty),
        fc.array(fc.nat(100), { maxLength: 4 }),
        (text, cuts) => {
          const places = [...cuts.map((cut) => cut % text.length), text.length].sort(
            (a, b) => a - b,
          );
          const parser = new ResponseParser();
          let start = 0;
          const statuses = [];
          for (const place of places) {
            if (place === start) continue;
            statuses.push(feed(parser, text.slice(start, place)));
            start = place;
          }
          expect(statuses.slice(0, -1).every((status) => status === 0)).toBe(true);
          expect(statuses.at(-1)).toBe(Number(text.slice(9, 12)));
          expect(feed(parser, accepted)).toBe(202);
        },
      ),
    );
  });

  test('does not look at what an earlier answer has left in the buffer', () => {
    const parser = new ResponseParser();
    const buffer = Buffer.from(`HTTP/1.1 200 OK\r\nX${accepted}`, 'latin1');
    expect(parser.feed(buffer, 18)).toBe(0);
    expect(feed(parser, ': y\r\nContent-Length: 0\r\n\r\n')).toBe(200);
  });

  test('refuses an answer without a length', () => {
    const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n';
    expect(() => feed(new ResponseParser(), chunked)).toThrow('no Content-Length');
  });

  test('refuses more bytes than were announced', () => {
    expect(() => feed(new ResponseParser(), `${empty}x`)).toThrow('more came');
  });
});
