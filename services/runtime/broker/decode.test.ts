import { describe, expect, test } from '@jest/globals';
import type { RecordedEvent } from '../event.ts';
import { subjectOf } from '../event.ts';
import { cause, recorded, tallyEvents } from '../testing/tally.ts';
import { decoder, type Encoded } from './decode.ts';
import { eventHeaders, parseHeaders } from './headers.ts';

const events = tallyEvents('tallies');
const decode = decoder([events.added]);
const [made] = recorded(events, 'a', 7);

/** A message as the relay publishes it, with some header lines and fields changed. */
function message(
  more: {
    readonly headers?: Readonly<Record<string, string | undefined>>;
    readonly body?: string;
    readonly subject?: string;
    readonly event?: Partial<RecordedEvent>;
  } = {},
): Encoded {
  if (made === undefined) throw new Error('nothing was recorded');
  const event = { ...made, ...more.event };
  const fields = new Map([...parseHeaders(eventHeaders(event))]);
  for (const [name, value] of Object.entries(more.headers ?? {})) {
    if (value === undefined) fields.delete(name);
    else fields.set(name, value);
  }
  return {
    subject: more.subject ?? subjectOf(event),
    headers: [...fields].map(([name, value]) => `${name}: ${value}\r\n`).join(''),
    body: more.body === undefined ? event.body : Buffer.from(more.body),
  };
}
const bodyOf = (data: object) => JSON.stringify({ tallyId: 'a', amount: 1, ...data });

describe('a message as the relay publishes it', () => {
  test('gives back what was recorded, and the event that it causes names it', () => {
    expect(decode(message())).toEqual({
      ok: true,
      event: {
        type: 'tallies.added',
        id: 'tallies.a.7',
        logicalId: 'tallies.a.7',
        aggregateId: 'a',
        sequence: 7,
        lane: 'standard',
        time: 1e12,
        correlationId: cause.correlationId,
        causationId: 'tallies.a.7',
        traceparent: cause.traceparent,
        data: { tallyId: 'a', amount: 7 },
      },
    });
  });

  test.each(['hot', 'standard', 'bulk'] as const)('has the lane %s of its subject', (lane) => {
    expect(decode(message({ event: { lane } }))).toMatchObject({ ok: true, event: { lane } });
  });

  test('keeps its place up to the largest int4', () => {
    const decoded = decode(message({ event: { sequence: 2 ** 31 - 1 } }));
    expect(decoded).toMatchObject({ event: { sequence: 2_147_483_647 } });
  });

  test('may have a field that this release does not know', () => {
    expect(decode(message({ body: bodyOf({ colour: 'red' }) }))).toMatchObject({
      ok: true,
      event: { data: { tallyId: 'a', amount: 1 } },
    });
  });

  test('is read at its place in the buffer that it arrived in', () => {
    const arrived = Buffer.from(`before${bodyOf({})}after`);
    const body = arrived.subarray(6, arrived.length - 5);
    expect(decode({ ...message(), body })).toMatchObject({ ok: true });
  });
});

describe('an attribute that may be missing', () => {
  test.each([
    ['ce-logicalid is the id', 'ce-logicalid', { logicalId: 'tallies.a.7' }],
    ['ce-correlationid is the id', 'ce-correlationid', { correlationId: 'tallies.a.7' }],
    ['traceparent is empty: a new trace begins', 'traceparent', { traceparent: '' }],
  ])('%s', (_rule, name, expected) => {
    expect(decode(message({ headers: { [name]: undefined } }))).toMatchObject({
      ok: true,
      event: expected,
    });
  });

  test('two versions of one event have one logical id', () => {
    const headers = { 'ce-id': 'tallies.a.7-v2', 'ce-logicalid': 'tallies.a.7' };
    expect(decode(message({ headers }))).toMatchObject({
      event: { id: 'tallies.a.7-v2', logicalId: 'tallies.a.7' },
    });
  });
});

describe('a message that can never be handled is refused', () => {
  test.each([
    ['its type is not consumed', { headers: { 'ce-type': 'windlass.tallies.counted.v1' } }],
    ['its version is not consumed', { headers: { 'ce-type': 'windlass.tallies.added.v2' } }],
    ['it is of another platform', { headers: { 'ce-type': 'tallies.added.v1' } }],
    ['it has no type', { headers: { 'ce-type': undefined } }],
  ])('as unknown when %s', (_rule, more) => {
    expect(decode(message(more))).toMatchObject({ ok: false, reason: 'unknown-event' });
  });

  test.each([
    ['the id is missing', { headers: { 'ce-id': undefined } }],
    ['the id is empty', { headers: { 'ce-id': '' } }],
    ['the logical id is empty', { headers: { 'ce-logicalid': '' } }],
    ['the logical id is endless', { headers: { 'ce-logicalid': 'x'.repeat(257) } }],
    ['the id is longer than the inbox keeps', { headers: { 'ce-id': 'x'.repeat(257) } }],
    ['the aggregate is missing', { headers: { 'ce-subject': undefined } }],
    ['the aggregate is not that of the body', { headers: { 'ce-subject': 'b' } }],
    ['the sequence is missing', { headers: { 'ce-sequence': undefined } }],
    ['the sequence is no number', { headers: { 'ce-sequence': 'seven' } }],
    ['the sequence is empty', { headers: { 'ce-sequence': '' } }],
    ['the sequence is 0', { headers: { 'ce-sequence': '0' } }],
    ['the sequence is a fraction', { headers: { 'ce-sequence': '1.5' } }],
    ['the sequence does not fit', { headers: { 'ce-sequence': '2147483648' } }],
    ['the time is missing', { headers: { 'ce-time': undefined } }],
    ['the time is no time', { headers: { 'ce-time': 'yesterday' } }],
    ['the subject has no lane', { subject: 'tallies.added.v1' }],
    ['the lane is unknown', { subject: 'tallies.added.v1.express.03' }],
  ])('as malformed envelope when %s', (_rule, more) => {
    expect(decode(message(more))).toMatchObject({ ok: false, reason: 'malformed-envelope' });
  });

  test.each([
    ['is empty', '', 'not valid JSON'],
    ['is cut off', '{"tallyId":"a"', 'not valid JSON'],
    ['is null', 'null', ''],
    ['is a list', '[]', ''],
    ['lacks a field, which is named', '{"tallyId":"a"}', 'amount: '],
    ['has a field of another type, which is named', bodyOf({ amount: '1' }), 'amount: '],
  ])('as malformed body when it %s', (_rule, body, expected) => {
    const decoded = decode(message({ body }));
    expect(decoded).toMatchObject({ ok: false, reason: 'malformed-body' });
    expect(decoded).toHaveProperty('message', expect.stringContaining(expected));
  });

  test('with a short reason, however long its type is', () => {
    const decoded = decode(message({ headers: { 'ce-type': 'x'.repeat(100_000) } }));
    expect(decoded.ok ? '' : decoded.message.length).toBeLessThan(300);
  });
});

describe('header lines', () => {
  test('are read by name without regard to case, and values keep their colons', () => {
    const found = parseHeaders('CE-Time: 2001-09-09T01:46:40.000Z\r\nx:y\r\n');
    expect([...found]).toEqual([
      ['ce-time', '2001-09-09T01:46:40.000Z'],
      ['x', 'y'],
    ]);
  });

  test('that repeat a name count once, the first', () => {
    expect(parseHeaders('a: 1\r\nA: 2\r\n').get('a')).toBe('1');
  });

  test.each(['', '\r\n', 'no colon\r\n', ': no name\r\n', '\r\n\r\n: \r\n'])(
    'that are none are passed over: %j',
    (lines) => {
      expect(parseHeaders(`${lines}a: 1`)).toEqual(new Map([['a', '1']]));
    },
  );

  test('carry the cause of an event only when there is one', () => {
    if (made === undefined) throw new Error('nothing was recorded');
    expect(parseHeaders(eventHeaders(made)).has('ce-causationid')).toBe(false);
    const caused = eventHeaders({ ...made, causationId: 'orders.b.2' });
    expect(parseHeaders(caused).get('ce-causationid')).toBe('orders.b.2');
  });
});
