import { expect, test } from '@jest/globals';
import { type Config, differences, isSame, specNameOf } from './differences.ts';

const time = '2026-01-01T00:00:00Z';

test.each<[string, string, unknown, unknown]>([
  ['false and nothing', 'sealed', false, undefined],
  ['0 and nothing', 'max_age', 0, undefined],
  ['null and nothing', 'mirror', null, undefined],
  ['an empty list and nothing', 'sources', [], null],
  ['an empty object and nothing', 'consumer_limits', { max_ack_pending: 0 }, {}],
  ['subjects in another order', 'subjects', ['a', 'b'], ['b', 'a']],
  ['one time in two zones', 'opt_start_time', time, '2026-01-01T01:00:00+01:00'],
  ['the zero time of Go and nothing', 'pause_until', '0001-01-01T00:00:00Z', undefined],
  ['the default and nothing', 'persist_mode', 'default', undefined],
  ['what the server adds', 'metadata', { a: 'b' }, { a: 'b', '_nats.ver': '2.15.1' }],
  ['keys in another order', 'republish', { src: 'a', dest: 'b' }, { dest: 'b', src: 'a' }],
])('%s mean the same', (_, field, one, other) => {
  expect(isSame(field, one, other)).toBe(true);
});

test.each<[string, string, unknown, unknown]>([
  ['numbers', 'max_age', 1, 2],
  ['a value and nothing', 'description', 'text', undefined],
  ['backoff in another order', 'backoff', [1, 2], [2, 1]],
  ['metadata with a further key', 'metadata', { a: 'b' }, { a: 'b', c: 'd' }],
  ['metadata with an empty value', 'metadata', { a: '' }, {}],
  ['a source with another start', 'sources', [{ name: 'a', opt_start_seq: 1 }], [{ name: 'a' }]],
])('%s differ', (_, field, one, other) => {
  expect(isSame(field, one, other)).toBe(false);
});

test('what is computed is not compared, and what is left to the server is compared with that', () => {
  const config: Config = { max_age: 0, duplicate_window: 0, mirror_direct: false };
  const wanted = { config, defaults: { duplicate_window: 120 }, computed: ['mirror_direct'] };
  const actual = { duplicate_window: 120, mirror_direct: true, max_msgs: -1 };
  expect(differences(wanted, actual)).toEqual([]);
  expect(differences(wanted, { ...actual, duplicate_window: 60 })).toEqual([
    { field: 'duplicate_window', wanted: 120, found: 60 },
  ]);
});

test('fields are named as in the spec', () => {
  expect(specNameOf('max_msgs_per_subject', {})).toBe('maxMsgsPerSubject');
  expect(specNameOf('num_replicas', { num_replicas: 'replicas' })).toBe('replicas');
});
