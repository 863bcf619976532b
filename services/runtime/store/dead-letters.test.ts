import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { freshStore, type Store } from '../testing/rig.ts';
import {
  type DeadLetter,
  deadLetterId,
  type FailedMessage,
  insertDeadLetter,
  readFailure,
  recordFailure,
} from './dead-letters.ts';

let store: Store;
beforeAll(async () => {
  store = await freshStore();
}, 60_000);
afterAll(() => store.end());
beforeEach(() => store.database.query({ text: 'TRUNCATE dead_letters, delivery_failures' }));

/** Every byte there is, as it could stand in a header or a body. */
const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
const message: FailedMessage = {
  consumer: 'inventory-hot',
  stream: 'ORDERS',
  // More than 32 bits hold.
  streamSequence: 5_000_000_000,
  subject: 'orders.created.v1.hot.3',
  headers: everyByte.toString('latin1'),
  body: everyByte,
};
const { consumer, stream, streamSequence } = message;
const letter: DeadLetter = {
  ...message,
  id: deadLetterId(stream, streamSequence, consumer),
  reason: 'permanent',
  errorClass: 'permanent',
  message: 'no such product – „x“',
  stackHash: 'abc',
  serviceVersion: '1.2.3',
  deliveries: 5,
  firstFailedAt: 1_700_000_000_001,
  lastFailedAt: 1_700_000_000_999,
};

const letters = () => store.database.query({ text: 'SELECT * FROM dead_letters ORDER BY id' });
const read = () => readFailure(store.database, consumer, stream, streamSequence);

describe('a dead letter', () => {
  test('has an id that is the same for every report of one message to one consumer', () => {
    expect(letter.id).toBe('ORDERS:5000000000:inventory-hot');
    expect(deadLetterId('ORDERS', 1, 'a')).not.toBe(deadLetterId('ORDERS', 1, 'b'));
    expect(deadLetterId('ORDERS', 1, 'a')).not.toBe(deadLetterId('ORDERS', 2, 'a'));
  });

  test('is kept with the headers and the body as they were received, byte for byte', async () => {
    await store.database.query(insertDeadLetter(letter));
    expect(await letters()).toEqual([
      {
        id: letter.id,
        consumer,
        stream,
        stream_sequence: streamSequence,
        subject: letter.subject,
        headers: everyByte,
        body: everyByte,
        reason: 'permanent',
        error_class: 'permanent',
        message: letter.message,
        stack_hash: 'abc',
        service_version: '1.2.3',
        deliveries: 5,
        first_failed_at: new Date(letter.firstFailedAt),
        last_failed_at: new Date(letter.lastFailedAt),
        replays: 0,
      },
    ]);
  });

  test('that is filed already is left as it is', async () => {
    await store.database.query(insertDeadLetter(letter));
    await store.database.query({ text: 'UPDATE dead_letters SET replays = 2' });
    const before = await letters();
    const later = { ...letter, reason: 'crash-exhausted', deliveries: 9, body: Buffer.alloc(0) };
    await store.database.query(insertDeadLetter(later as DeadLetter));
    expect(await letters()).toEqual(before);
  });

  test('is filed once when many replicas file it at the same time', async () => {
    const replicas = [store.database, store.replica(), store.replica()];
    const filing = Array.from({ length: 30 }, (_, index) =>
      replicas[index % 3]?.query(insertDeadLetter({ ...letter, deliveries: index })),
    );
    await Promise.all(filing);
    expect(await letters()).toHaveLength(1);
  });
});

describe('the failures of a message', () => {
  test('are none before the first', async () => {
    expect(await read()).toBeUndefined();
  });

  test('are counted without loss when replicas report them at the same time', async () => {
    const replicas = [store.database, store.replica(), store.replica()];
    const records = await Promise.all(
      Array.from({ length: 30 }, (_, index) =>
        recordFailure(replicas[index % 3] ?? store.database, message, 1),
      ),
    );
    const counts = records.map(({ failures }) => failures).sort((a, b) => a - b);
    expect(counts).toEqual(Array.from({ length: 30 }, (_, index) => index + 1));
    expect(new Set(records.map(({ firstFailedAt }) => firstFailedAt)).size).toBe(1);
    expect(await read()).toMatchObject({ failures: 30 });
  });

  test('are counted for each consumer, stream and sequence on its own', async () => {
    const others: FailedMessage[] = [
      { ...message, consumer: 'payment-hot' },
      { ...message, stream: 'PAYMENTS' },
      { ...message, streamSequence: 1 },
    ];
    await recordFailure(store.database, message, 1);
    for (const other of others) {
      expect(await recordFailure(store.database, other, 1)).toMatchObject({ failures: 1 });
    }
    expect(await recordFailure(store.database, message, 1)).toMatchObject({ failures: 2 });
  });

  test('keep their first time, and their last one moves on', async () => {
    const first = await recordFailure(store.database, message, 1);
    const text = `UPDATE delivery_failures SET first_failed_at = first_failed_at - interval '1 h',
                    last_failed_at = last_failed_at - interval '1 h'`;
    await store.database.query({ text });
    const second = await recordFailure(store.database, message, 1);
    const hourMs = 3_600_000;
    expect(second).toEqual({ failures: 2, firstFailedAt: first.firstFailedAt - hourMs });
    const kept = await read();
    expect(kept?.firstFailedAt).toBe(first.firstFailedAt - hourMs);
    expect(kept?.lastFailedAt).toBeGreaterThanOrEqual(first.firstFailedAt);
  });

  test('are not counted by the copy that is made before a last delivery', async () => {
    expect(await recordFailure(store.database, message, 0)).toMatchObject({ failures: 0 });
    expect(await recordFailure(store.database, message, 1)).toMatchObject({ failures: 1 });
    expect(await recordFailure(store.database, message, 0)).toMatchObject({ failures: 1 });
  });

  test.each([0, 1] as const)(
    'leave the message to be filed as it was received, after a count of %d',
    async (count) => {
      await recordFailure(store.database, message, count);
      const other = { ...message, subject: 'other', headers: '', body: Buffer.alloc(0) };
      await recordFailure(store.database, other, 1);
      expect(await read()).toMatchObject({ ...message, failures: count + 1 });
    },
  );
});
