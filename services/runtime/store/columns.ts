/**
 * Encodes a column of values as a PostgreSQL array in binary format, for `unnest($1::text[])`.
 * The text format would escape every quote of every JSON body and be parsed again by the
 * server. Format: https://www.postgresql.org/docs/current/protocol-overview.html and
 * `array_recv` in the server's source: dimensions, null flag, element type, length, lower
 * bound, then each element with its length.
 */

const headerBytes = 20;
/** Microseconds between 1970-01-01 and PostgreSQL's epoch, 2000-01-01. */
const epochOffsetMs = 946_684_800_000;

const oid = { bool: 16, bytea: 17, int8: 20, int4: 23, text: 25, timestamptz: 1184 } as const;

function start(buffer: Buffer, elementType: number, length: number, hasNull: boolean): void {
  buffer.writeInt32BE(length === 0 ? 0 : 1, 0);
  buffer.writeInt32BE(hasNull ? 1 : 0, 4);
  buffer.writeInt32BE(elementType, 8);
  if (length === 0) return;
  buffer.writeInt32BE(length, 12);
  buffer.writeInt32BE(1, 16);
}

const sizeOf = (length: number, elementBytes: number) =>
  length === 0 ? 12 : headerBytes + length * (4 + elementBytes);

/** Text, in UTF-8. PostgreSQL refuses NUL: such a value fails the whole statement. */
export function textColumn(values: readonly (string | null)[]): Buffer {
  let bytes = 0;
  for (const value of values) bytes += value === null ? 0 : Buffer.byteLength(value);
  const buffer = Buffer.allocUnsafe(sizeOf(values.length, 0) + bytes);
  start(buffer, oid.text, values.length, values.includes(null));
  let offset = headerBytes;
  for (const value of values) {
    if (value === null) {
      offset = buffer.writeInt32BE(-1, offset);
      continue;
    }
    const written = buffer.write(value, offset + 4, 'utf8');
    buffer.writeInt32BE(written, offset);
    offset += 4 + written;
  }
  return buffer;
}

/** Bytes as they are. */
export function bytesColumn(values: readonly (Buffer | null)[]): Buffer {
  let bytes = 0;
  for (const value of values) bytes += value === null ? 0 : value.length;
  const buffer = Buffer.allocUnsafe(sizeOf(values.length, 0) + bytes);
  start(buffer, oid.bytea, values.length, values.includes(null));
  let offset = headerBytes;
  for (const value of values) {
    if (value === null) {
      offset = buffer.writeInt32BE(-1, offset);
      continue;
    }
    offset = buffer.writeInt32BE(value.length, offset);
    offset += value.copy(buffer, offset);
  }
  return buffer;
}

function fixedColumn<Value>(
  values: readonly (Value | null)[],
  elementType: number,
  elementBytes: number,
  write: (buffer: Buffer, value: Value, offset: number) => void,
): Buffer {
  const buffer = Buffer.allocUnsafe(sizeOf(values.length, elementBytes));
  const hasNull = values.includes(null);
  start(buffer, elementType, values.length, hasNull);
  let offset = headerBytes;
  for (const value of values) {
    if (value === null) {
      offset = buffer.writeInt32BE(-1, offset);
      continue;
    }
    offset = buffer.writeInt32BE(elementBytes, offset);
    write(buffer, value, offset);
    offset += elementBytes;
  }
  return hasNull ? buffer.subarray(0, offset) : buffer;
}

/** `int4`; a value outside of it throws a RangeError. */
export const intColumn = (values: readonly (number | null)[]): Buffer =>
  fixedColumn(values, oid.int4, 4, (buffer, value, offset) =>
    buffer.writeInt32BE(whole(value), offset),
  );

/** `int8` out of safe integers; any other value throws a RangeError. */
export const bigintColumn = (values: readonly (number | null)[]): Buffer =>
  fixedColumn(values, oid.int8, 8, writeInt64);

export const boolColumn = (values: readonly (boolean | null)[]): Buffer =>
  fixedColumn(values, oid.bool, 1, (buffer, value, offset) =>
    buffer.writeUInt8(value ? 1 : 0, offset),
  );

/** `timestamptz` out of milliseconds since the epoch. */
export const timeColumn = (values: readonly (number | null)[]): Buffer =>
  fixedColumn(values, oid.timestamptz, 8, (buffer, value, offset) =>
    writeInt64(buffer, Math.round((value - epochOffsetMs) * 1000), offset),
  );

/** Two 32-bit halves: a BigInt for each value would cost an allocation each. */
function writeInt64(buffer: Buffer, given: number, offset: number): void {
  const value = whole(given);
  const high = Math.floor(value / 4_294_967_296);
  buffer.writeInt32BE(high, offset);
  buffer.writeUInt32BE(value - high * 4_294_967_296, offset + 4);
}

/** NaN would be written as 0 and a fraction be cut off. */
function whole(value: number): number {
  if (Number.isSafeInteger(value)) return value;
  throw new RangeError(`${value} is out of range: it is no safe integer`);
}
