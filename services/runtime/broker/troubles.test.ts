import { describe, expect, test } from '@jest/globals';
import type { DeadLetter } from '../store/dead-letters.ts';
import { Database } from '../store/pool.ts';
import { rigOfEachTest, totals } from '../testing/consumer-rig.ts';
import { quiet } from '../testing/rig.ts';
import { until } from '../testing/until.ts';
import { parseHeaders } from './headers.ts';

const at = rigOfEachTest();

const filedRows = () =>
  at.store.database.query({
    text: `SELECT reason, error_class, message, deliveries, stream, stream_sequence, consumer, body,
             convert_from(headers, 'latin1') AS headers, service_version
           FROM dead_letters ORDER BY stream_sequence`,
  });

/** The message of a dead letter, as the stream `DEAD_LETTER` keeps it. */
async function inStream(lane = 'standard') {
  const subject = `dead-letter.${at.rig.service}.${at.rig.service}-${lane}`;
  const answer = await at.rig.ask('STREAM.MSG.GET.DEAD_LETTER', { last_by_subj: subject });
  const { data = '', hdrs } = Object(answer.message);
  if (hdrs === undefined) return undefined;
  const decoded = (text: string) => Buffer.from(text, 'base64');
  return { body: decoded(data), headers: parseHeaders(decoded(hdrs).toString('latin1')) };
}

describe('an event whose handling fails permanently', () => {
  test('is filed at its first delivery, and its neighbours take effect', async () => {
    const { filed, redelivered } = await at.rig.replica();
    await at.rig.publish({ id: 'a' }, { id: 'bad', note: 'permanent' }, { id: 'b' });
    await until(() => at.rig.isDone());
    expect(await totals(at.store)).toEqual({ a: 1, b: 1 });
    expect(filed.map(({ reason }) => reason)).toEqual(['permanent']);
    expect(redelivered).toEqual([]);
  });

  test('is kept in stream and table, with its bytes and with why', async () => {
    await at.rig.replica();
    const [sent] = at.rig.messagesOf({ id: 'bad', note: 'permanent' });
    await at.rig.publish({ id: 'bad', note: 'permanent' });
    await until(() => at.rig.isDone());
    const [row] = await filedRows();
    expect(row).toMatchObject({
      reason: 'permanent',
      error_class: 'permanent',
      message: 'no repetition can mend it',
      deliveries: 1,
      stream: at.rig.stream,
      stream_sequence: 1,
      consumer: `${at.rig.service}-standard`,
      service_version: '1.2.3',
      body: sent?.body,
    });
    expect(parseHeaders(String(row?.headers)).get('ce-id')).toBe(`${at.rig.service}.bad.1`);
    const kept = await inStream();
    expect(kept?.body).toEqual(sent?.body);
    expect(Object.fromEntries(kept?.headers ?? [])).toMatchObject({
      'nats-msg-id': `${at.rig.stream}:1:${at.rig.service}-standard`,
      'windlass-reason': 'permanent',
      'windlass-error': 'no repetition can mend it',
      'windlass-subject': sent?.subject,
      'ce-subject': 'bad',
    });
  });

  test('because PostgreSQL refuses its text is told in text that PostgreSQL takes', async () => {
    const { filed } = await at.rig.replica();
    await at.rig.publish({ id: 'bad', note: 'a\0b' }, { id: 'a' });
    await until(() => at.rig.isDone());
    expect(await totals(at.store)).toEqual({ a: 1 });
    expect(filed).toMatchObject([{ reason: 'permanent', deliveries: 1 }]);
  });

  test('stays in its stream until the table has it', async () => {
    const { filed } = await at.rig.replica();
    const other = new Database({ url: at.store.url, max: 1, name: 'test', logger: quiet });
    await other.transact(async (tx) => {
      await tx.query({ text: 'LOCK TABLE dead_letters IN ACCESS EXCLUSIVE MODE' });
      await at.rig.publish({ id: 'bad', note: 'permanent' });
      await until(async () => (await inStream()) !== undefined);
      expect(await at.rig.owed()).toEqual({ pending: 0, unacked: 1 });
      expect(filed).toEqual([]);
      return { result: undefined };
    });
    await other.close();
    await until(() => at.rig.isDone());
    expect(await filedRows()).toHaveLength(1);
  });
});

describe('an event whose handling fails for the moment', () => {
  test('is tried again after a delay, and then takes effect', async () => {
    let failures = 0;
    const { redelivered, filed, logger } = await at.rig.replica({
      retryMs: 200,
      before: async () => {},
      decide: ({ data }, tallies) => {
        if (failures++ < 2) throw new Error('not yet');
        return { outcome: tallies.has(String(data.tallyId)) ? 'stale' : 'orphan' };
      },
    });
    await at.rig.publish({ id: 'a' });
    await until(
      async () => (await at.store.database.query({ text: 'SELECT 1 FROM parked' })).length > 0,
    );
    expect(redelivered).toEqual([2, 3]);
    expect(filed).toEqual([]);
    expect(logger.lines.map(({ fields }) => fields)).toMatchObject([
      { deliveries: 1, event: `${at.rig.service}.a.1` },
      { deliveries: 2 },
    ]);
  });

  test('is filed at the fifth failure and not delivered again', async () => {
    const { filed, redelivered } = await at.rig.replica();
    await at.rig.publish({ id: 'bad', note: 'transient' }, { id: 'a' });
    await until(() => at.rig.isDone());
    expect(redelivered).toEqual([2, 3, 4, 5]);
    expect(filed).toMatchObject([
      { reason: 'retries-exhausted', errorClass: 'transient', deliveries: 5 },
    ]);
    expect(await totals(at.store)).toEqual({ a: 1 });
  });

  test('counts its failures over the replicas that had it', async () => {
    const replicas = [await at.rig.replica(), await at.rig.replica()];
    await at.rig.publish({ id: 'bad', note: 'transient' });
    await until(() => at.rig.isDone());
    const text = 'SELECT failures FROM delivery_failures';
    expect(await at.store.database.query({ text })).toEqual([{ failures: 5 }]);
    expect(replicas.flatMap(({ filed }): DeadLetter[] => filed)).toHaveLength(1);
  });
});

test.each([
  ['a body that is no JSON', 'malformed-body', { body: Buffer.from('{') }],
  ['no header at all', 'unknown-event', { headers: 'Nats-Msg-Id: x\r\n' }],
  ['an aggregate that is not its own', 'malformed-envelope', {}],
])(
  'a message with %s is filed at once and costs its neighbours nothing',
  async (_rule, reason, more) => {
    const { filed } = await at.rig.replica();
    const [message] = at.rig.messagesOf({ id: 'bad' });
    if (message === undefined) throw new Error('there is no message');
    const headers = message.headers.replace('ce-subject: bad', 'ce-subject: good');
    await at.rig.publish({ id: 'a' });
    await at.rig.publishRaw({ ...message, headers, ...more });
    await at.rig.publish({ id: 'b' });
    await until(() => at.rig.isDone());
    expect(filed).toMatchObject([{ reason, deliveries: 1, errorClass: 'permanent' }]);
    expect(await totals(at.store)).toEqual({ a: 1, b: 1 });
  },
);

describe('while the database is away', () => {
  /** Ends the sessions of the test's database and hides it; gives how to bring it back. */
  async function takeAway(): Promise<() => Promise<void>> {
    const url = new URL(at.store.url);
    const name = url.pathname.slice(1);
    url.pathname = '/postgres';
    const admin = new Database({ url: url.href, max: 2, name: 'test', logger: quiet });
    const terminate = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                       WHERE datname = '${name}'`;
    await Promise.all([
      admin.query({ text: `ALTER DATABASE ${name} RENAME TO ${name}_away` }),
      admin.query({ text: terminate }),
    ]);
    return async () => {
      await admin.query({ text: `ALTER DATABASE ${name}_away RENAME TO ${name}` });
      await admin.close();
    };
  }

  test('events wait in place, no delivery is counted, and all take effect afterwards', async () => {
    await at.rig.setAckWait(500);
    const { redelivered, filed, logger } = await at.rig.replica({ workingMs: 100 });
    await at.rig.publish({ id: 'a' });
    await until(() => at.rig.isDone());
    const bringBack = await takeAway();
    try {
      await at.rig.publish({ id: 'b' }, { id: 'c' }, { id: 'bad', note: 'permanent' });
      const warned = 'a dependency is away, trying in place';
      await until(() => logger.lines.some(({ text }) => text === warned));
      // Longer than ack_wait, in which nothing may happen.
      const since = performance.now();
      await until(() => performance.now() - since > 1_000);
      expect(await at.rig.owed()).toEqual({ pending: 0, unacked: 3 });
    } finally {
      await bringBack();
    }
    await until('the end', () => at.rig.isDone(), { withinMs: 15_000 });
    expect(await totals(at.store)).toEqual({ a: 1, b: 1, c: 1 });
    expect(redelivered).toEqual([]);
    expect(filed).toMatchObject([{ reason: 'permanent', deliveries: 1 }]);
  }, 20_000);
});
