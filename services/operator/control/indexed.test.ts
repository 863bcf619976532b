import { expect, test } from '@jest/globals';
import { ObjectStore } from './object-store.ts';
import type { KubeObject } from './objects.ts';

const byColour = ({ spec }: KubeObject): string | undefined => Object(spec).colour;
let version = 0;

function object(name: string, colour?: string): KubeObject {
  const resourceVersion = String(++version);
  const metadata = { name, namespace: 'shop', uid: name, resourceVersion };
  return { apiVersion: 'v1', kind: 'Thing', metadata, spec: { colour } };
}

const red = (store: ObjectStore) =>
  store.find(byColour, 'red').map(({ metadata }) => metadata.name);

test('what was there before the index was used is found', () => {
  const store = new ObjectStore();
  for (const each of [object('a', 'red'), object('b', 'blue'), object('c')]) store.set(each);
  expect(red(store)).toEqual(['a']);
});

test('what comes, changes and goes afterwards is found as it is', () => {
  const store = new ObjectStore();
  expect(red(store)).toEqual([]);
  store.set(object('a', 'red'));
  store.set(object('b', 'blue'));
  store.set(object('b', 'red'));
  expect(red(store)).toEqual(['a', 'b']);
  store.set(object('a', 'green'));
  expect(red(store)).toEqual(['b']);
  store.delete(object('b', 'red'));
  expect(red(store)).toEqual([]);
  store.set(object('b', 'red'));
  store.replace([object('d', 'red')], undefined);
  expect(red(store)).toEqual(['d']);
});

test('what is found is the newest of the object', () => {
  const store = new ObjectStore();
  store.set(object('a', 'red'));
  red(store);
  const newest = object('a', 'red');
  store.set(newest);
  expect(store.find(byColour, 'red')).toEqual([newest]);
});
