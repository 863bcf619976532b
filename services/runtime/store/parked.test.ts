import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { freshStore, type Store } from '../testing/rig.ts';
import { until } from '../testing/until.ts';
import {
  countParked,
  hastenParked,
  type ParkedMessage,
  park,
  takeParked,
  unpark,
} from './parked.ts';

let store: Store;
beforeAll(async () => {
  store = await freshStore();
}, 60_000);
afterAll(() => store.end());
beforeEach(() => store.database.query({ text: 'TRUNCATE parked' }));

type Message = Omit<ParkedMessage, 'parkedAt'>;
const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
/** The times of the tests count from here; whatever is hastened is due long after them. */
const start = 1_000_000;

function message(aggregateId: string, sequence: number, more: Partial<Message> = {}): Message {
  return {
    consumer: 'payment-hot',
    logicalId: `orders.${aggregateId}.${sequence}`,
    source: 'orders',
    aggregateId,
    sequence,
    reason: 'gap',
    stream: 'ORDERS',
    // More than 32 bits hold.
    streamSequence: 5_000_000_000 + sequence,
    subject: 'orders.paid.v1.hot.3',
    headers: everyByte.toString('latin1'),
    body: everyByte,
    deliveries: 2,
    ...more,
  };
}

const keep = (dueAt: number, ...messages: readonly Message[]) =>
  Promise.all(messages.map((each) => park(store.database, each, dueAt)));
const take = (now: number, options: { limit?: number; retryAt?: number } = {}) => {
  const { limit = 1_000, retryAt = now + 1_000 } = options;
  return takeParked(store.database, limit, now, retryAt);
};
const ids = (messages: readonly ParkedMessage[]) => messages.map(({ logicalId }) => logicalId);
/** Far enough ahead that a difference between the clocks of the servers does not matter. */
const later = () => Date.now() + 60_000;

describe('a message that is parked', () => {
  test('is given back as it was, byte for byte, with the time since when it waits', async () => {
    const given = message('a', 3, { reason: 'orphan' });
    const began = Date.now();
    await keep(start, given);
    const [taken] = await take(start);
    expect(taken).toEqual({ ...given, parkedAt: taken?.parkedAt });
    expect(Math.abs((taken?.parkedAt ?? 0) - began)).toBeLessThan(60_000);
  });

  test('already stays as it is and is not due earlier', async () => {
    await keep(start + 500, message('a', 1));
    await keep(start, message('a', 1, { deliveries: 4, reason: 'orphan', body: Buffer.alloc(0) }));
    expect(await countParked(store.database)).toBe(1);
    expect(await take(start + 499)).toEqual([]);
    expect(await take(start + 500)).toMatchObject([message('a', 1)]);
  });

  test('is kept once when replicas park it at the same time', async () => {
    const replicas = [store.database, store.replica()];
    await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        park(replicas[index % 2] ?? store.database, message('a', 1), start),
      ),
    );
    expect(await countParked(store.database)).toBe(1);
  });

  test('is kept for each consumer on its own', async () => {
    await keep(start, message('a', 1), message('a', 1, { consumer: 'payment-bulk' }));
    expect(await countParked(store.database)).toBe(2);
  });
});

describe('taking', () => {
  test('passes over what is not due yet', async () => {
    await keep(start, message('a', 1));
    await keep(start + 1, message('a', 2));
    expect(ids(await take(start))).toEqual(['orders.a.1']);
  });

  test('is for one attempt: the message is passed over until it is due again', async () => {
    await keep(start, message('a', 1));
    expect(await take(start, { retryAt: start + 500 })).toHaveLength(1);
    expect(await take(start + 499)).toEqual([]);
    expect(await take(start + 500)).toHaveLength(1);
    expect(await countParked(store.database)).toBe(1);
  });

  test('gives the messages of a gap in the order of their sequence', async () => {
    const sequences = [7, 3, 10, 2, 9, 5];
    for (const [index, sequence] of sequences.entries()) {
      // What came later in the aggregate is due earlier here.
      await keep(start - index, message('a', sequence));
    }
    const taken = await take(start);
    expect(taken.map(({ sequence }) => sequence)).toEqual([2, 3, 5, 7, 9, 10]);
  });

  test('is bounded, and begins with what has been due the longest', async () => {
    await keep(start, message('a', 5), message('a', 4), message('b', 1));
    await keep(start - 1, message('b', 9));
    expect(ids(await take(start, { limit: 3 }))).toEqual([
      ...['orders.b.1', 'orders.a.4', 'orders.b.9'],
    ]);
    expect(ids(await take(start, { limit: 3 }))).toEqual(['orders.a.5']);
  });

  test('gives each message to one of the replicas that take at the same time', async () => {
    await store.database.query({
      text: `INSERT INTO parked SELECT 'c', 'e-' || n, 'orders', 'a', n, 'gap', 'ORDERS', n, 's',
               '', '', 1, now(), to_timestamp(0) FROM generate_series(1, 1000) n`,
    });
    const replicas = Array.from({ length: 4 }, () => store.replica());
    const taken = await Promise.all(
      replicas.map(async (replica) => {
        const mine: ParkedMessage[] = [];
        for (;;) {
          const some = await takeParked(replica, 40, start, start + 1_000);
          // Nothing is left over when a replica finds nothing but what others hold right now.
          if (some.length === 0) return mine;
          mine.push(...some);
        }
      }),
    );
    const rest = await take(start);
    const all = [...taken.flat(), ...rest].map(({ sequence }) => sequence);
    expect(all.sort((a, b) => a - b)).toEqual(Array.from({ length: 1_000 }, (_, n) => n + 1));
  });

  test('does not wait for a message that another transaction holds', async () => {
    await keep(start, message('a', 1), message('b', 2));
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    let held = false;
    const holder = store.replica(1).transact(async (tx) => {
      await tx.query({ text: `SELECT 1 FROM parked WHERE aggregate_id = 'a' FOR UPDATE` });
      held = true;
      await released;
      return { result: undefined };
    });
    await until(() => held);
    expect(ids(await take(start))).toEqual(['orders.b.2']);
    release();
    await holder;
    expect(ids(await take(start))).toEqual(['orders.a.1']);
  });
});

describe('hastening', () => {
  test('makes what waits behind a gap of these aggregates due, and nothing else', async () => {
    const never = 9_000_000_000_000;
    await keep(never, message('a', 1), message('a', 2), message('b', 3), message('c', 4));
    await keep(never, message('a', 5, { reason: 'orphan' }));
    await hastenParked(store.database, ['a', 'b']);
    expect(ids(await take(later()))).toEqual(['orders.a.1', 'orders.a.2', 'orders.b.3']);
    await hastenParked(store.database, []);
    expect(await take(later() - 1)).toEqual([]);
  });

  test('makes due what was taken for an attempt that came too early', async () => {
    await keep(start, message('a', 2));
    await take(start, { retryAt: later() + 3_600_000 });
    expect(await take(later())).toEqual([]);
    await hastenParked(store.database, ['a']);
    expect(ids(await take(later()))).toEqual(['orders.a.2']);
  });
});

describe('a message that was handled', () => {
  test('is forgotten, and only for the consumer that handled it', async () => {
    const other = { consumer: 'payment-bulk' };
    await keep(start, message('a', 1), message('a', 2), message('a', 3));
    await keep(start, message('a', 1, other), message('a', 2, other));
    await unpark(store.database, [message('a', 1), message('a', 2, other)]);
    const left = (await take(start)).map(({ consumer, sequence }) => `${consumer} ${sequence}`);
    expect(left.sort()).toEqual(['payment-bulk 1', 'payment-hot 2', 'payment-hot 3']);
    await unpark(store.database, [message('a', 1), message('x', 1)]);
    await unpark(store.database, []);
    expect(await countParked(store.database)).toBe(3);
  });

  test('may be parked again', async () => {
    await keep(start, message('a', 1));
    await unpark(store.database, [message('a', 1)]);
    expect(await countParked(store.database)).toBe(0);
    await keep(start, message('a', 1, { deliveries: 5 }));
    expect(await take(start)).toMatchObject([{ deliveries: 5 }]);
  });
});
