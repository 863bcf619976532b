const headEnd = Buffer.from('\r\n\r\n');
const lengthName = Buffer.from('Content-Length: ');
const lengthPattern = /^content-length:[ \t]*(\d{1,9})[ \t]*$/im;
const headBytesMax = 16_384;
const zero = 48;

/**
 * Reads the answers of one connection that has one request under way at a time. It knows just
 * as much of HTTP as that takes: the status and Content-Length. Throws when an answer has none.
 */
export class ResponseParser {
  private status = 0;
  private bodyLeft = 0;
  /** Where the last head ended and its length stood: the next one nearly always is the same. */
  private lastEnd = 0;
  private lastLength = 0;
  /** The beginning of a head that came in pieces. */
  private piece: Buffer | undefined;

  /** Takes the first `length` bytes. Returns the status once the answer is complete, else 0. */
  feed(bytes: Buffer, length: number): number {
    if (this.bodyLeft > 0) return this.body(length);
    if (this.piece !== undefined) {
      const joined = Buffer.concat([this.piece, bytes.subarray(0, length)]);
      this.piece = undefined;
      return this.head(joined, joined.length);
    }
    return this.head(bytes, length);
  }

  private head(bytes: Buffer, length: number): number {
    const end = isAt(bytes, headEnd, this.lastEnd) ? this.lastEnd : bytes.indexOf(headEnd);
    // What stands behind `length` is left from an earlier answer.
    if (end < 0 || end + headEnd.length > length) {
      if (length > headBytesMax) throw new Error('an answer has no end of its header');
      this.piece = Buffer.from(bytes.subarray(0, length));
      return 0;
    }
    this.status =
      (digit(bytes, 9) - zero) * 100 + (digit(bytes, 10) - zero) * 10 + digit(bytes, 11) - zero;
    this.lastEnd = end;
    this.bodyLeft = this.contentLength(bytes, end);
    return this.body(length - end - headEnd.length);
  }

  private contentLength(bytes: Buffer, end: number): number {
    const isSame = isAt(bytes, lengthName, this.lastLength);
    const found = isSame ? this.lastLength : bytes.indexOf(lengthName);
    if (found < 0 || found > end) {
      const [, text] = lengthPattern.exec(bytes.toString('latin1', 0, end)) ?? [];
      if (text === undefined) throw new Error('an answer has no Content-Length');
      return Number(text);
    }
    this.lastLength = found;
    return digits(bytes, found + lengthName.length);
  }

  private body(length: number): number {
    this.bodyLeft -= length;
    if (this.bodyLeft < 0) throw new Error('more came than was asked for');
    return this.bodyLeft === 0 ? this.status : 0;
  }
}

function digit(bytes: Buffer, index: number): number {
  return bytes[index] ?? 0;
}

function isAt(bytes: Buffer, text: Buffer, place: number): boolean {
  for (let index = 0; index < text.length; index++) {
    if (bytes[place + index] !== text[index]) return false;
  }
  return true;
}

function digits(bytes: Buffer, start: number): number {
  let value = 0;
  for (let index = start; index < bytes.length; index++) {
    const next = digit(bytes, index) - zero;
    if (next < 0 || next > 9) break;
    value = value * 10 + next;
  }
  return value;
}
