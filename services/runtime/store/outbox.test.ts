import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { RecordedEvent } from '../event.ts';
import { partitionCount } from '../event.ts';
import { freshName, freshStore, type Store } from '../testing/rig.ts';
import { recorded, tallyEvents } from '../testing/tally.ts';
import { appendEvents } from './events.ts';
import { measureOutbox, outboxStart, readPending, readPendingOf } from './outbox.ts';

const events = tallyEvents(freshName('outbox'));
const everywhere = Array.from({ length: partitionCount }, (_, partition) => partition);
let store: Store;
beforeAll(async () => {
  store = await freshStore();
}, 60_000);
afterAll(() => store.end());
beforeEach(() => store.database.query({ text: 'TRUNCATE events, outbox_pending' }));

const append = (...given: RecordedEvent[][]) => store.database.query(appendEvents(given.flat()));

/** Every page from the start to the end. */
async function pages(limit: number): Promise<(readonly RecordedEvent[])[]> {
  const found: (readonly RecordedEvent[])[] = [];
  let after = outboxStart;
  do {
    const { events: page, next } = await readPending(store.database, everywhere, after, limit);
    found.push(page);
    after = next;
  } while (after !== outboxStart);
  return found;
}

test('an event is read as it was appended, byte for byte', async () => {
  const [event] = recorded(events, 'tally', 1);
  const full = { ...event, causationId: 'cause', lane: 'hot' } as RecordedEvent;
  await append([full]);
  expect((await pages(10)).flat()).toEqual([full]);
  expect(await readPendingOf(store.database, [full])).toEqual([full]);
});

test('pages give every pending event once, each aggregate in version order', async () => {
  const ids = Array.from({ length: 30 }, (_, index) => `tally-${index}`);
  await append(...ids.map((id, index) => recorded(events, id, 1, (index % 4) + 1)));
  const all = (await pages(7)).flat();
  expect(new Set(all.map((event) => event.id)).size).toBe(73);
  for (const id of ids) {
    const versions = all.filter((event) => event.aggregateId === id).map((each) => each.sequence);
    expect(versions).toEqual(versions.map((_, index) => index + 1));
  }
});

test('a page ends between two aggregates, not within one', async () => {
  const ids = Array.from({ length: 20 }, (_, index) => `tally-${index}`);
  await append(...ids.map((id) => recorded(events, id, 1, 3)));
  for (const page of await pages(8)) {
    const last = page.filter((event) => event.aggregateId === page.at(-1)?.aggregateId);
    expect(last.map((event) => event.sequence)).toEqual([1, 2, 3]);
  }
});

test('an aggregate that is longer than a page is read on where the page ended', async () => {
  await append(recorded(events, 'long', 1, 20));
  expect((await pages(8)).map((page) => page.length)).toEqual([8, 8, 4]);
});

test('only the partitions that were asked for are read', async () => {
  const ids = Array.from({ length: 40 }, (_, index) => `tally-${index}`);
  await append(...ids.map((id) => recorded(events, id, 1)));
  const { events: some } = await readPending(store.database, [3, 5], outboxStart, 100);
  expect(some.length).toBeGreaterThan(0);
  expect(some.every(({ partition }) => partition === 3 || partition === 5)).toBe(true);
});

test('its depth and the age of its oldest row are measured', async () => {
  expect(await measureOutbox(store.database)).toEqual({ rows: 0, oldestAgeMs: 0 });
  const old = recorded(events, 'tally', 1, 2).map((event) => ({
    ...event,
    time: Date.now() - 5_000,
  }));
  await append(old);
  const { rows, oldestAgeMs } = await measureOutbox(store.database);
  expect(rows).toBe(2);
  expect(oldestAgeMs).toBeGreaterThan(4_900);
  expect(oldestAgeMs).toBeLessThan(15_000);
});
