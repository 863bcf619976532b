import { expect, test } from '@jest/globals';
import { environmentNamed } from '../environments.ts';
import { services } from '../testing/manifests.ts';
import { chartOutput } from './chart.ts';
import { replicaRange } from './figures.ts';
import { leavesOf, markedValues, slotsOf } from './slots.ts';
import { chartValues, defaultsOf, environmentWith } from './values.ts';

const renderMs = 60_000;
const prod = environmentNamed('prod');
const usual = defaultsOf(prod);
const range = replicaRange(services, prod);

test('the default values are those of production, there and back', () => {
  expect(environmentWith(prod, usual)).toEqual(prod);
});

test('the default values are what the schema asks for', () => {
  expect(chartValues(range).safeParse(usual).success).toBe(true);
});

test('every service that is scaled keeps some room to be', () => {
  expect(range).toEqual({ min: 3, max: 8 });
});

test('a marked value stands for nothing else', () => {
  const markers = slotsOf(usual).map(({ marker }) => marker);
  expect(new Set(markers).size).toBe(markers.length);
});

test('every value is marked, is a condition, or is reckoned with', () => {
  const marked = new Map(leavesOf(markedValues(usual)));
  const same = leavesOf(usual).filter(([path, value]) => marked.get(path) === value);
  expect(same.map(([path]) => path)).toEqual([
    ...['namespaces.create', 'databases.cloudnativePg', 'ingress.enabled'],
    ...['autoscaling.mode', 'autoscaling.replicasMax', 'monitoring.enabled'],
  ]);
});

test('an environment without the parts of production has no chart', () => {
  expect(() => defaultsOf(environmentNamed('ci'))).toThrow(
    'The chart needs an environment whose parts are those of production.',
  );
});

test(
  'rendering again gives the same',
  () => {
    expect(chartOutput(services)).toEqual(chartOutput(services));
  },
  renderMs,
);
