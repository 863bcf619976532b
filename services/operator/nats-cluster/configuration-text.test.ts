import { describe, expect, test } from '@jest/globals';
import { configurationText, Environment, merged } from './configuration-text.ts';

describe('the text of nats.conf', () => {
  test('has blocks, lists and variables', () => {
    const block = { host: new Environment('POD_IP'), port: 1, a: { b: ['x', { c: true }], d: [] } };
    expect(configurationText(block)).toBe(
      [
        'host: $POD_IP',
        'port: 1',
        'a: {',
        '  b: [',
        '    "x"',
        '    {',
        '      c: true',
        '    }',
        '  ]',
        '  d: []',
        '}',
        '',
      ].join('\n'),
    );
  });

  test('keeps a text from becoming anything else', () => {
    expect(configurationText({ 'a.b': 'x"\\\n$POD_IP' })).toBe('"a.b": "x\\"\\\\\\x0a$POD_IP"\n');
  });
});

test('blocks are merged, and anything else is replaced', () => {
  expect(merged({ a: { b: 1, c: [1] }, d: 1 }, { a: { c: [2] }, d: { e: 2 } })).toEqual({
    a: { b: 1, c: [2] },
    d: { e: 2 },
  });
});
