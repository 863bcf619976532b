import { describe, expect, test } from '@jest/globals';
import {
  acceptedKeys,
  decideKeys,
  type KeyFacts,
  type KeyStep,
  type KeyTimes,
  type StoredKeys,
} from './key-rotation.ts';

const now = 1_000_000;
const times: KeyTimes = { everyMs: undefined, overlapMs: 100 };
const keys: StoredKeys = {
  current: 'A',
  next: undefined,
  since: now - 10,
  previous: [],
  rotated: undefined,
};
const record = { since: keys.since, previous: [], rotated: undefined };
const facts: KeyFacts = {
  keys,
  published: ['A'],
  request: undefined,
  isNextAccepted: false,
};

describe('the keys of a user:', () => {
  const cases: Readonly<Record<string, [Partial<KeyFacts>, Partial<KeyTimes>, KeyStep]>> = {
    'the first one is made at once': [
      { keys: undefined, published: [], request: 'a' },
      {},
      { kind: 'create', record: { since: now, previous: [], rotated: 'a' } },
    ],
    'a deleted Secret gets another one, and the old one stays for the overlap': [
      { keys: undefined },
      {},
      {
        kind: 'create',
        record: { ...record, since: now, previous: [{ publicKey: 'A', until: now + 100 }] },
      },
    ],
    'a seed that was edited is replaced, and what is known stays for the overlap': [
      {
        keys: { ...keys, current: undefined, previous: [{ publicKey: 'O', until: now + 5 }] },
        published: ['A', 'O'],
      },
      {},
      {
        kind: 'replace',
        record: {
          ...record,
          since: now,
          previous: [
            { publicKey: 'A', until: now + 100 },
            { publicKey: 'O', until: now + 5 },
          ],
        },
      },
    ],
    'a key without an end is kept': [{}, {}, { kind: 'keep', record, nextAt: undefined }],
    'a key is kept until its time is over': [
      {},
      { everyMs: 50 },
      { kind: 'keep', record, nextAt: now + 40 },
    ],
    'then another one is made beside it': [{}, { everyMs: 10 }, { kind: 'add-next', record }],
    'another one is made when somebody asks for it': [
      { request: 'please' },
      {},
      { kind: 'add-next', record: { ...record, rotated: 'please' } },
    ],
    'not twice for one request': [
      { request: 'please', keys: { ...keys, rotated: 'please' } },
      {},
      { kind: 'keep', record: { ...record, rotated: 'please' }, nextAt: undefined },
    ],
    'not when the request is taken back': [
      { keys: { ...keys, rotated: 'please' } },
      {},
      { kind: 'keep', record: { ...record, rotated: 'please' }, nextAt: undefined },
    ],
    'the new one waits until the servers accept it': [
      { keys: { ...keys, next: 'B' }, request: 'again' },
      {},
      { kind: 'keep', record, nextAt: undefined },
    ],
    'then it takes over, and the old one stays for the overlap': [
      { keys: { ...keys, next: 'B' }, isNextAccepted: true },
      {},
      {
        kind: 'promote',
        record: { ...record, since: now, previous: [{ publicKey: 'A', until: now + 100 }] },
      },
    ],
    'the old one is kept while it overlaps': [
      { keys: { ...keys, previous: [{ publicKey: 'O', until: now + 1 }] } },
      {},
      {
        kind: 'keep',
        record: { ...record, previous: [{ publicKey: 'O', until: now + 1 }] },
        nextAt: now + 1,
      },
    ],
    'and dropped afterwards': [
      { keys: { ...keys, previous: [{ publicKey: 'O', until: now }] } },
      {},
      { kind: 'write', record },
    ],
    'the age counts from now when nobody knows it': [
      { keys: { ...keys, since: undefined } },
      { everyMs: 50 },
      { kind: 'write', record: { ...record, since: now } },
    ],
  };
  test.each(Object.entries(cases))('%s', (_, [given, wanted, step]) => {
    expect(decideKeys({ ...facts, ...given }, { ...times, ...wanted }, now)).toEqual(step);
  });

  test('no more than five replaced ones are accepted', () => {
    const previous = ['1', '2', '3', '4', '5'].map((publicKey) => ({ publicKey, until: now + 9 }));
    const given = { ...facts, keys: { ...keys, next: 'B', previous }, isNextAccepted: true };
    const step = decideKeys(given, times, now);
    expect(step.record.previous.map(({ publicKey }) => publicKey)).toEqual([
      'A',
      '1',
      '2',
      '3',
      '4',
    ]);
  });
});

test('the servers are told of the next key, the present one, and those that overlap', () => {
  const previous = [
    { publicKey: 'O', until: now + 1 },
    { publicKey: 'P', until: now },
  ];
  expect(acceptedKeys({ ...keys, next: 'B', previous }, now)).toEqual(['B', 'A', 'O']);
});
