import { expect, test } from '@jest/globals';
import { partitionOf, streamOf, subjectOf } from './event.ts';
import { uuidv7 } from './ids.ts';

/** The first three are published vectors of FNV-1a; the last pins code units instead of bytes. */
test.each([
  ['', 0x811c9dc5 % 16],
  ['a', 0xe40c292c % 16],
  ['foobar', 0xbf9cf968 % 16],
  ['Größe', 2],
])('"%s" stays in its partition for ever, because subjects have it', (id, partition) => {
  expect(partitionOf(id)).toBe(partition);
});

test('ids spread over all sixteen partitions', () => {
  const ids = Array.from({ length: 1_000 }, (_, index) => `order-${index}`);
  expect(new Set(ids.map(partitionOf)).size).toBe(16);
});

test('a subject has two digits of partition', () => {
  const about = { type: 'orders.created', version: 1, lane: 'hot' } as const;
  expect(subjectOf({ ...about, partition: 7 })).toBe('orders.created.v1.hot.07');
  expect(subjectOf({ ...about, partition: 15 })).toBe('orders.created.v1.hot.15');
  expect(streamOf('orders.created')).toBe('ORDERS');
});

test('new ids are UUIDs of version 7, all different, sorted by their time', () => {
  const ids = Array.from({ length: 1_000 }, () => uuidv7());
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids) {
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  }
  const times = ids.map((id) => id.slice(0, 13));
  expect(times).toEqual([...times].sort());
});
