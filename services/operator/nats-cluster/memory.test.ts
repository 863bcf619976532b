import { expect, test } from '@jest/globals';
import { Memory } from './memory.ts';

const reading = (atMs: number, over: object = {}) => ({
  isWell: true,
  leader: 'c-0',
  atMs,
  ...over,
});
const since = (memory: Memory) => memory.of('u').wellSinceMs;

test('knows since when every reading has been good', () => {
  const memory = new Memory();
  memory.read('u', reading(1));
  memory.read('u', reading(2));
  expect(since(memory)).toBe(1);
});

test.each([
  ['a bad reading', (memory: Memory) => memory.read('u', reading(2, { isWell: false }))],
  ['something that was done', (memory: Memory) => memory.disturbed('u')],
])('begins anew after %s', (_, disturb) => {
  const memory = new Memory();
  memory.read('u', reading(1));
  disturb(memory);
  expect(since(memory)).toBeUndefined();
  memory.read('u', reading(3));
  expect(since(memory)).toBe(3);
});

test('begins anew with another leader', () => {
  const memory = new Memory();
  memory.read('u', reading(1));
  memory.read('u', reading(2, { leader: 'c-1' }));
  expect(since(memory)).toBe(2);
});

test('keeps the clusters apart, and a removal until it is written down', () => {
  const memory = new Memory();
  memory.removed('u', 'c-3', 5);
  expect(memory.of('u').removedPeers).toEqual(new Map([['c-3', 5]]));
  expect(memory.of('v').removedPeers).toEqual(new Map());
  memory.forgetRemoval('u', 'c-3');
  expect(memory.of('u').removedPeers).toEqual(new Map());
});

test('keeps a bounded number of refusals', () => {
  const memory = new Memory();
  for (let count = 0; count < 100; count++) memory.refused('u', `${count}`, 'no');
  expect(memory.of('u').refusedReloads.size).toBe(64);
  expect(memory.of('u').refusedReloads.has('99')).toBe(true);
});
