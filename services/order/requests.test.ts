import { describe, expect, test } from '@jest/globals';
import { cancelBody, listQuery, mergeLines, placeBody, refundBody, waitQuery } from './requests.ts';

const line = { sku: 'a', quantity: 1, unitPrice: 5 };
const order = { customerId: 'c-1', currency: 'EUR', lines: [line] };
const withLine = (changes: object) => ({ ...order, lines: [{ ...line, ...changes }] });

test('an order is in the standard lane unless it says otherwise', () => {
  expect(placeBody.parse(order)).toEqual({ ...order, lane: 'standard' });
  expect(placeBody.parse({ ...order, lane: 'bulk' }).lane).toBe('bulk');
});

describe('an order is refused', () => {
  test.each<[string, unknown]>([
    ['with a member that is not known', { ...order, coupon: 'x' }],
    ['with a line member that is not known', withLine({ price: 1 })],
    ['without lines', { ...order, lines: [] }],
    ['with more than 100 lines', { ...order, lines: Array(101).fill(line) }],
    ['with a quantity of none', withLine({ quantity: 0 })],
    ['with more than 10000 pieces', withLine({ quantity: 10_001 })],
    ['with half a piece', withLine({ quantity: 0.5 })],
    ['with a negative price', withLine({ unitPrice: -1 })],
    ['with a price above 10⁹', withLine({ unitPrice: 1_000_000_001 })],
    ['with a currency that is no code', { ...order, currency: 'euro' }],
    ['with an id of other characters', { ...order, customerId: 'c 1' }],
    ['with an id of 65 characters', { ...order, customerId: 'c'.repeat(65) }],
    ['in a lane that is not known', { ...order, lane: 'express' }],
    [
      'with lines of one SKU that add up to too many',
      {
        ...order,
        lines: [
          { ...line, quantity: 6_000 },
          { ...line, quantity: 4_001 },
        ],
      },
    ],
  ])('%s', (_, body) => {
    expect(placeBody.safeParse(body).success).toBe(false);
  });
});

test('lines of one SKU are summed while their price is the same', () => {
  const dearer = { ...line, unitPrice: 6 };
  expect(mergeLines([line, dearer, { ...line, quantity: 2 }])).toEqual([
    { ...line, quantity: 3 },
    dearer,
  ]);
});

test('a reason is text that the database can store', () => {
  expect(cancelBody.safeParse({}).success).toBe(true);
  expect(cancelBody.safeParse({ reason: 'changed my mind' }).success).toBe(true);
  expect(cancelBody.safeParse({ reason: 'a\0b' }).success).toBe(false);
  expect(cancelBody.safeParse({ reason: '\ud800' }).success).toBe(false);
  expect(cancelBody.safeParse({ reason: 'x'.repeat(201) }).success).toBe(false);
});

test('a refund is of something, or of all that is left', () => {
  expect(refundBody.safeParse({}).success).toBe(true);
  expect(refundBody.safeParse({ amount: 1 }).success).toBe(true);
  expect(refundBody.safeParse({ amount: 0 }).success).toBe(false);
});

test('a wait is given in seconds or milliseconds and is at most 30 s', () => {
  expect(waitQuery.parse({ wait: '5s' }).wait).toBe(5_000);
  expect(waitQuery.parse({ wait: '500ms' }).wait).toBe(500);
  expect(waitQuery.parse({}).wait).toBeUndefined();
  for (const wait of ['31s', '5', '5m', '-1s', '1.5s']) {
    expect(waitQuery.safeParse({ wait }).success).toBe(false);
  }
});

test('a list has 20 orders of any status unless it says otherwise', () => {
  expect(listQuery.parse({})).toEqual({ status: [], limit: 20 });
  const query = { status: 'CREATED,RESERVED', after: 'o1', limit: '100' };
  expect(listQuery.parse(query)).toEqual({
    status: ['CREATED', 'RESERVED'],
    after: 'o1',
    limit: 100,
  });
  for (const wrong of [
    { status: 'NEW' },
    { status: '' },
    { limit: '0' },
    { limit: '101' },
    { page: '2' },
  ]) {
    expect(listQuery.safeParse(wrong).success).toBe(false);
  }
});
