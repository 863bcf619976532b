import { expect, test } from '@jest/globals';
import { orphan } from '../decision.ts';
import { rigOfEachTest, totals } from '../testing/consumer-rig.ts';
import { decideByNote } from '../testing/consuming-replica.ts';
import { until } from '../testing/until.ts';

const at = rigOfEachTest();

const parked = async () =>
  (
    await at.store.database.query<{ sequence: number }>({
      text: 'SELECT sequence FROM parked ORDER BY sequence',
    })
  ).map((row) => row.sequence);
const noneParked = () =>
  until('an empty table', async () => (await parked()).length === 0, { withinMs: 15_000 });

/** Notes the order in which the events took effect. */
function inOrder() {
  const applied: number[] = [];
  const decide: typeof decideByNote = (event, tallies, now) => {
    applied.push(event.sequence);
    return decideByNote(event, tallies, now);
  };
  return { applied, decide };
}

test('what comes before its turn is parked and acked, and uses up no delivery', async () => {
  const { applied, decide } = inOrder();
  const { handled, redelivered } = await at.rig.replica({ ordering: 'contiguous', decide });
  await at.rig.publish({ id: 'a', sequence: 3 }, { id: 'a', sequence: 2 }, { id: 'b' });
  await until(() => handled.length === 3);
  await until(() => at.rig.isDone());
  expect(await parked()).toEqual([2, 3]);
  expect(applied).toEqual([1]);
  expect(redelivered).toEqual([]);
});

test('what was parked for a gap takes effect once and in order when the gap closes', async () => {
  const { applied, decide } = inOrder();
  const { handled } = await at.rig.replica({ ordering: 'contiguous', decide });
  await at.rig.publish(...[5, 3, 2, 4].map((sequence) => ({ id: 'a', sequence })));
  await until(async () => (await parked()).length === 4);
  await at.rig.publish({ id: 'a', sequence: 1 });
  await noneParked();
  expect(applied).toEqual([1, 2, 3, 4, 5]);
  expect(await totals(at.store)).toEqual({ a: 5 });
  expect(handled.filter(({ kind }) => kind === 'gap')).toHaveLength(4);
});

test('a gap that closes in another replica frees what waits behind it', async () => {
  const { applied, decide } = inOrder();
  const first = await at.rig.replica({ ordering: 'contiguous', decide });
  await at.rig.publish({ id: 'a', sequence: 2 });
  await until(async () => (await parked()).length === 1);
  await first.end();
  await at.rig.replica({ ordering: 'contiguous', decide });
  await at.rig.publish({ id: 'a', sequence: 1 });
  await noneParked();
  expect(applied).toEqual([1, 2]);
});

test('an event of an unknown aggregate takes effect when the aggregate is known', async () => {
  const { handled } = await at.rig.replica({
    decide: (event, tallies, now) =>
      event.sequence > 1 && !tallies.has(event.aggregateId)
        ? orphan
        : decideByNote(event, tallies, now),
  });
  await at.rig.publish({ id: 'a', sequence: 2 });
  await until(async () => (await parked()).length === 1);
  expect(handled).toEqual([{ id: 'a.2', kind: 'orphan' }]);
  await at.rig.publish({ id: 'a', sequence: 1 });
  await noneParked();
  expect(await totals(at.store)).toEqual({ a: 2 });
}, 20_000);

test.each([
  ['gap', 'waited for earlier events in vain', { ordering: 'contiguous' }],
  ['orphan', 'waited for its aggregate in vain', { decide: () => orphan }],
] as const)(
  'a parked event that waited too long becomes a dead letter: %s',
  async (reason, message, options) => {
    // Below 0 each age is too old, also that of an attempt in the millisecond of the parking.
    const { filed } = await at.rig.replica({ ...options, parkedMaxMs: -1 });
    await at.rig.publish({ id: 'a', sequence: 2 });
    await until(() => filed.length === 1);
    expect(filed).toMatchObject([
      { reason, message, errorClass: 'blocked', stream: at.rig.stream, streamSequence: 1 },
    ]);
    await noneParked();
  },
);

test('a parked event whose turn comes and whose handling fails for good is filed at once', async () => {
  const { filed } = await at.rig.replica({ ordering: 'contiguous' });
  await at.rig.publish({ id: 'a', sequence: 2, note: 'permanent' });
  await until(async () => (await parked()).length === 1);
  await at.rig.publish({ id: 'a', sequence: 1 });
  await until(() => filed.length === 1);
  expect(filed).toMatchObject([{ reason: 'permanent', errorClass: 'permanent' }]);
  await noneParked();
  expect(await totals(at.store)).toEqual({ a: 1 });
});
