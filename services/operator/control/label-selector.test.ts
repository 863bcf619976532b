import { expect, test } from '@jest/globals';
import { fitsLabels } from './label-selector.ts';

const labels = { app: 'nats', 'windlass.dev/cluster': 'c' };

test.each([
  ['app=nats', true],
  ['app==nats', true],
  ['app=other', false],
  ['app', true],
  ['!app', false],
  ['!other', true],
  ['other', false],
  ['app!=other', true],
  ['app!=nats', false],
  ['windlass.dev/cluster', true],
  ['windlass.dev/cluster=c, app = nats', true],
  ['windlass.dev/cluster=c,app=other', false],
  ['app in (nats)', false],
] as const)('%s fits: %s', (selector, expected) => {
  expect(fitsLabels(selector, labels)).toBe(expected);
});
