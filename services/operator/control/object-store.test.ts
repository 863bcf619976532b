import { describe, expect, test } from '@jest/globals';
import { compareVersions, ObjectStore } from './object-store.ts';
import type { KubeObject } from './objects.ts';

function object(name: string, version: number, uid = name): KubeObject {
  const metadata = { name, namespace: 'any', uid, resourceVersion: String(version) };
  return { apiVersion: 'v1', kind: 'Any', metadata };
}

function rig(...objects: readonly KubeObject[]) {
  const store = new ObjectStore();
  for (const each of objects) store.set(each);
  const told: string[] = [];
  store.listen(({ before, after }) => {
    const versions = [before, after].map((each) => each?.metadata.resourceVersion ?? '-');
    told.push(`${(after ?? before)?.metadata.name} ${versions.join('→')}`);
  });
  told.length = 0;
  return { store, told };
}

describe('a store of objects', () => {
  test('tells what changes, and to a late listener what is there', () => {
    const { store, told } = rig();
    store.set(object('a', 1));
    store.set(object('a', 2));
    store.delete(object('a', 3));
    expect(told).toEqual(['a -→1', 'a 1→2', 'a 2→-']);
    store.set(object('b', 4));
    const late: unknown[] = [];
    store.listen(({ after }) => late.push(after?.metadata.name));
    expect(late).toEqual(['b']);
  });

  test('lists by namespace', () => {
    const { store } = rig(object('a', 1), object('b', 2));
    expect(store.list('any').map(({ metadata }) => metadata.name)).toEqual(['a', 'b']);
    expect([store.list('other'), store.list().length, store.size]).toEqual([[], 2, 2]);
  });

  test('keeps the answer to an own write when the watch tells of what was before', () => {
    const { store, told } = rig(object('a', 1));
    store.written(object('a', 5));
    store.set(object('a', 3));
    store.set(object('a', 5));
    expect(told).toEqual(['a 1→5']);
  });

  test('is not brought back by an answer that is later than the end', () => {
    const { store } = rig(object('a', 1));
    store.delete(object('a', 3));
    store.written(object('a', 2));
    expect(store.size).toBe(0);
    store.written(object('a', 4, 'another'));
    expect(store.get('any/a')?.metadata.uid).toBe('another');
  });

  test('keeps a new object of the same name when the old one ends', () => {
    const { store } = rig(object('a', 1));
    store.written(object('a', 4, 'another'));
    store.delete(object('a', 3));
    expect(store.get('any/a')?.metadata.uid).toBe('another');
  });

  test('takes over a list and tells only the differences', () => {
    const { store, told } = rig(object('a', 1), object('b', 2), object('c', 3));
    store.expectList();
    expect(store.replace([object('a', 1), object('b', 7), object('d', 8)], '5')).toBe(0);
    expect(told).toEqual(['b 2→7', 'd -→8', 'c 3→-']);
  });

  test('counts what a watch should have told', () => {
    const { store } = rig(object('a', 1), object('b', 2));
    store.expectList();
    expect(store.replace([object('a', 4), object('b', 6), object('c', 5)], '5')).toBe(2);
  });

  test('keeps own writes that are newer than the list', () => {
    const { store } = rig(object('a', 1));
    store.expectList();
    store.written(object('a', 9));
    store.written(object('b', 10));
    store.replace([object('a', 1)], undefined);
    expect(store.list().map(({ metadata }) => metadata.resourceVersion)).toEqual(['9', '10']);
  });

  test('believes a list even when versions begin anew, as after a restored backup', () => {
    const { store } = rig(object('a', 900));
    store.expectList();
    store.replace([object('a', 5)], undefined);
    expect(store.get('any/a')?.metadata.resourceVersion).toBe('5');
  });
});

test.each([
  ['9', '10', -1],
  ['10', '9', 1],
  ['12', '12', 0],
  ['123', '124', -1],
  ['odd', '5', 1],
] as const)('version %s compared with %s', (left, right, sign) => {
  expect(Math.sign(compareVersions(left, right))).toBe(sign);
});
