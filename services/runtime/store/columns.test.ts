import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type FreshDatabase, freshDatabase } from '@windlass/local/testing.ts';
import fc from 'fast-check';
import { quiet } from '../testing/rig.ts';
import {
  bigintColumn,
  boolColumn,
  bytesColumn,
  intColumn,
  textColumn,
  timeColumn,
} from './columns.ts';
import { Database } from './pool.ts';

let fresh: FreshDatabase;
let database: Database;
beforeAll(async () => {
  fresh = await freshDatabase();
  database = new Database({ url: fresh.url, max: 2, name: 'test', logger: quiet });
}, 60_000);
afterAll(async () => {
  await database.close();
  await fresh.drop();
});

/** What PostgreSQL makes of a column, read back by `show` in text. */
async function readBack(type: string, column: Buffer, show = 'v'): Promise<unknown[]> {
  const rows = await database.query<{ v: unknown }>({
    text: `SELECT ${show} AS v FROM unnest($1::${type}[]) WITH ORDINALITY AS u(v, n) ORDER BY n`,
    values: [column],
  });
  return rows.map((row) => row.v);
}

async function holds<Value>(
  values: fc.Arbitrary<Value>,
  check: (column: (Value | null)[]) => Promise<void>,
): Promise<void> {
  const column = fc.array(fc.option(values, { freq: 5 }), { maxLength: 40 });
  await fc.assert(fc.asyncProperty(column, check), { numRuns: 60 });
}

/** Any text that PostgreSQL can store. */
const storable = fc
  .string({ unit: 'binary', maxLength: 40 })
  .filter((text) => text.isWellFormed() && !text.includes('\0'));
const awkward = fc.constantFrom('', 'NULL', '{}', '"', "'", '\\', '\\N', ',', '\r\n', 'é', '😀');
const microseconds = fc.integer({ min: -1_000_000_000_000_000, max: 2_100_000_000_000_000 });

describe('a column comes back from PostgreSQL as it was given', () => {
  test('text with quotes, backslashes, line breaks and any unicode', () =>
    holds(fc.oneof(storable, awkward), async (column) => {
      expect(await readBack('text', textColumn(column))).toEqual(column);
    }));

  test('bytes', () =>
    holds(
      fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
      async (column) => {
        expect(await readBack('bytea', bytesColumn(column))).toEqual(column);
      },
    ));

  test('int4, also negative', () =>
    holds(fc.integer(), async (column) => {
      expect(await readBack('int', intColumn(column))).toEqual(column);
    }));

  test('int8 in the whole range of safe integers', () =>
    holds(fc.maxSafeInteger(), async (column) => {
      const text = column.map((value) => (value === null ? null : BigInt(value).toString()));
      expect(await readBack('bigint', bigintColumn(column), 'v::text')).toEqual(text);
    }));

  test('booleans', () =>
    holds(fc.boolean(), async (column) => {
      expect(await readBack('bool', boolColumn(column))).toEqual(column);
    }));

  test('times to the microsecond, also before 2000 and before 1970', () =>
    holds(microseconds, async (column) => {
      const milliseconds = column.map((value) => (value === null ? null : value / 1_000));
      const show = '(extract(epoch FROM v) * 1000000)::bigint::text';
      const text = column.map((value) => (value === null ? null : BigInt(value).toString()));
      expect(await readBack('timestamptz', timeColumn(milliseconds), show)).toEqual(text);
    }));
});

test.each([
  ['text', textColumn([])],
  ['bytea', bytesColumn([])],
  ['int', intColumn([])],
  ['bigint', bigintColumn([])],
  ['bool', boolColumn([])],
  ['timestamptz', timeColumn([])],
])('an empty column of %s is an empty array', async (type, column) => {
  expect(await readBack(type, column)).toEqual([]);
});

test('the extremes of int4 and int8 are kept, and what is beyond is refused', async () => {
  const ints = [-2_147_483_648, 2_147_483_647, 0];
  expect(await readBack('int', intColumn(ints))).toEqual(ints);
  expect(() => intColumn([2_147_483_648])).toThrow('out of range');
  const large = [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, -1, 0, 2 ** 32, -(2 ** 32)];
  expect(await readBack('bigint', bigintColumn(large))).toEqual(large);
});

test.each([Number.NaN, Number.POSITIVE_INFINITY, 0.5])(
  'a number that is none is refused: %s',
  (bad) => {
    expect(() => intColumn([bad])).toThrow('out of range');
    expect(() => bigintColumn([bad])).toThrow('out of range');
  },
);

test('a time that is none is refused', () => {
  expect(() => timeColumn([Number.NaN])).toThrow('out of range');
});

test('text with NUL fails its statement', async () => {
  await expect(readBack('text', textColumn(['a\0b']))).rejects.toMatchObject({ code: '22021' });
});
