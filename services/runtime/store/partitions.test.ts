import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { partitionCount } from '../event.ts';
import { freshName, freshStore, type Store } from '../testing/rig.ts';
import { recorded, tallyEvents } from '../testing/tally.ts';
import { appendEvents } from './events.ts';
import { deletePending, outboxStart, readPending } from './outbox.ts';
import { leavePartitions, type Ownership, renewPartitions } from './partitions.ts';

const events = tallyEvents(freshName('share'));
let store: Store;
beforeAll(async () => {
  store = await freshStore();
}, 60_000);
afterAll(() => store.end());
beforeEach(async () => {
  await store.database.query({ text: 'TRUNCATE replicas, events, outbox_pending' });
  await store.database.query({
    text: `UPDATE outbox_partitions SET owner = NULL, epoch = 0, expires_at = '-infinity'`,
  });
});

const renew = (replica: string) => renewPartitions(store.database, replica);
/** All leases of a replica end, as if it had been dead for their time. */
async function kill(replica: string): Promise<void> {
  await store.database.query({
    text: `UPDATE outbox_partitions SET expires_at = now() - interval '1 ms' WHERE owner = $1`,
    values: [replica],
  });
  await store.database.query({
    text: `UPDATE replicas SET expires_at = now() - interval '1 ms' WHERE id = $1`,
    values: [replica],
  });
}
const union = (shares: readonly Ownership[]) =>
  new Set(shares.flatMap((share) => [...share.keys()])).size;

test.each([
  [1, [16]],
  [2, [8, 8]],
  [3, [4, 6, 6]],
  [5, [0, 4, 4, 4, 4]],
])(
  '%d replicas that start at once share all partitions out, each to one',
  async (count, shares) => {
    const names = Array.from({ length: count }, (_, index) => `replica-${index}`);
    let owned: Ownership[] = [];
    for (let round = 0; round < 4; round++) owned = await Promise.all(names.map(renew));
    for (let round = 0; round < 2; round++) {
      for (const [index, name] of names.entries()) owned[index] = await renew(name);
    }
    expect(owned.map(({ size }) => size).sort((a, b) => a - b)).toEqual(shares);
    expect(union(owned)).toBe(partitionCount);
  },
);

test('a replica that dies leaves its partitions to the others when its leases end', async () => {
  await renew('a');
  await renew('b');
  await renew('a');
  expect((await renew('b')).size).toBe(8);
  await kill('a');
  expect((await renew('b')).size).toBe(16);
});

test('a replica that leaves is followed at once', async () => {
  await renew('a');
  expect((await renew('b')).size).toBe(0);
  await leavePartitions(store.database, 'a');
  expect((await renew('b')).size).toBe(16);
});

test('an owner that renews keeps its epochs, and each new owner has another', async () => {
  const first = await renew('a');
  expect(await renew('a')).toEqual(first);
  await kill('a');
  const second = await renew('b');
  for (const [partition, epoch] of second) expect(epoch).toBe((first.get(partition) ?? 0) + 1);
});

test('nobody loses or keeps a partition that is renewed in time, whoever asks', async () => {
  const first = await renew('a');
  const others = await Promise.all(['b', 'c', 'd'].map(renew));
  expect(union(others)).toBe(0);
  expect(union([first])).toBe(16);
});

test('an owner of the past cannot take events off, the present one can', async () => {
  const [event] = recorded(events, 'tally', 1);
  if (event === undefined) throw new Error('no event');
  await store.database.query(appendEvents([event]));
  const past = await renew('a');
  await kill('a');
  const present = await renew('b');
  const pending = async () =>
    (await readPending(store.database, [event.partition], outboxStart, 10)).events.length;
  await deletePending(store.database, [{ event, epoch: past.get(event.partition) ?? 0 }]);
  expect(await pending()).toBe(1);
  await deletePending(store.database, [{ event, epoch: present.get(event.partition) ?? 0 }]);
  expect(await pending()).toBe(0);
});
