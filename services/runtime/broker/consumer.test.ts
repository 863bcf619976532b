import { afterEach, describe, expect, test } from '@jest/globals';
import { rigOfEachTest, totals } from '../testing/consumer-rig.ts';
import type { Replica } from '../testing/consuming-replica.ts';
import { until } from '../testing/until.ts';

const gates: { open: () => void }[] = [];
afterEach(async () => {
  for (const { open } of gates.splice(0)) open();
});
// After the gates are opened, because its end waits for what is under way.
const at = rigOfEachTest();

/** A gate that batches wait at, so that what happens meanwhile can be arranged. */
function gate() {
  let open: () => void = () => {};
  let reached = 0;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const pass = () => {
    reached += 1;
    return opened;
  };
  const made = { open, pass, reached: () => reached };
  gates.push(made);
  return made;
}
const wishes = (count: number, id = 'a') =>
  Array.from({ length: count }, (_, index) => ({ id, sequence: index + 1 }));
const kinds = (replica: Replica, kind: string) =>
  replica.handled.filter((each) => each.kind === kind).length;
const inbox = async () => (await at.store.database.query({ text: 'SELECT 1 FROM inbox' })).length;

describe('a batch', () => {
  test('is whatever has arrived, in one transaction, acknowledged after its commit', async () => {
    await at.rig.publishMany(wishes(200));
    const { open, pass } = gate();
    const replica = await at.rig.replica({ before: pass });
    await until(async () => (await at.rig.owed()).unacked === 200);
    expect(await totals(at.store)).toEqual({});
    open();
    await until(() => at.rig.isDone());
    expect(await totals(at.store)).toEqual({ a: 200 });
    const text = `SELECT count(DISTINCT xmin::text) AS transactions FROM inbox`;
    const [row] = await at.store.database.query<{ transactions: number }>({ text });
    expect(row?.transactions).toBe(replica.batches.length);
    // The first batch does not wait to fill; all that came while it ran makes up few more.
    expect(replica.batches.length).toBeLessThanOrEqual(4);
  });

  test('has a bound, which is smaller for bulk work', async () => {
    const bulk = wishes(300, 'b').map((wish) => ({ ...wish, lane: 'bulk' as const }));
    await at.rig.publishMany([...wishes(600), ...bulk]);
    const replica = await at.rig.replica();
    await until(async () => (await at.rig.isDone()) && (await at.rig.isDone('bulk')));
    expect(await totals(at.store)).toEqual({ a: 600, b: 300 });
    const largest = (lane: string) =>
      Math.max(...replica.batches.filter((each) => each.lane === lane).map(({ size }) => size));
    expect(largest('standard')).toBeLessThanOrEqual(256);
    expect(largest('bulk')).toBeLessThanOrEqual(64);
  });

  test('of one lane does not wait for that of another', async () => {
    const { open, pass } = gate();
    const before = async (events: readonly { lane: string }[]) => {
      if (events[0]?.lane === 'bulk') await pass();
    };
    const replica = await at.rig.replica({ before });
    await at.rig.publish({ id: 'b', lane: 'bulk' }, { id: 'a', lane: 'hot' }, { id: 'c' });
    await until(() => replica.handled.length === 2);
    expect(await totals(at.store)).toEqual({ a: 1, c: 1 });
    open();
    await until(() => at.rig.isDone('bulk'));
  });

  test('runs alone in its lane, so that a lane keeps its order', async () => {
    const { open, pass, reached } = gate();
    const replica = await at.rig.replica({ before: pass });
    await at.rig.publish({ id: 'a' });
    await until(() => reached() === 1);
    await at.rig.publish({ id: 'a', sequence: 2 });
    await until(async () => (await at.rig.owed()).unacked === 2);
    expect(reached()).toBe(1);
    open();
    await until(() => at.rig.isDone());
    expect(replica.handled.map(({ id }) => id)).toEqual(['a.1', 'a.2']);
  });
});

describe('a redelivery', () => {
  test('of what was committed but not acknowledged takes no effect', async () => {
    await at.rig.setAckWait(500);
    const first = await at.rig.replica({ before: () => first.broker.close() });
    await at.rig.publish(...wishes(5));
    await until(async () => (await inbox()) > 0);
    await first.end();
    const committed = await inbox();
    const second = await at.rig.replica();
    await until(() => at.rig.isDone());
    expect(await totals(at.store)).toEqual({ a: 5 });
    expect(kinds(second, 'duplicate')).toBe(committed);
    expect(kinds(second, 'decided')).toBe(5 - committed);
    expect(second.redelivered.length).toBeGreaterThanOrEqual(committed);
  });

  test('does not happen to what is held for longer than ack_wait, running or waiting', async () => {
    await at.rig.setAckWait(300);
    const { open, pass, reached } = gate();
    const replica = await at.rig.replica({ before: pass, workingMs: 100 });
    const other = await at.rig.replica({ workingMs: 100 });
    other.consumer.setPaused('test', true);
    await at.rig.publish(...['a', 'b', 'c', 'd'].map((id) => ({ id })));
    await until(() => reached() === 1);
    // Nothing can be seen of what does not happen, so the time has to pass.
    const since = performance.now();
    await until('four times ack_wait', () => performance.now() - since > 1_200);
    open();
    await until(async () => {
      other.consumer.setPaused('test', false);
      return await at.rig.isDone();
    });
    expect([...replica.redelivered, ...other.redelivered]).toEqual([]);
    expect(await totals(at.store)).toEqual({ a: 1, b: 1, c: 1, d: 1 });
  });

  test('comes when a replica is cut off in a batch, whose late commit takes no effect', async () => {
    await at.rig.setAckWait(500);
    const { open, pass } = gate();
    const cutOff = await at.rig.replica({
      async before() {
        await cutOff.broker.close();
        await pass();
      },
    });
    await at.rig.publish({ id: 'a' });
    await until(() => !cutOff.broker.connected);
    const other = await at.rig.replica();
    await until(() => other.handled.length === 1);
    expect(other.redelivered).toEqual([2]);
    open();
    await until(() => cutOff.batches.length === 1);
    expect(await totals(at.store)).toEqual({ a: 1 });
  });
});

describe('while paused', () => {
  test('nothing is handled, and all of it is when no reason is left', async () => {
    const { consumer, handled } = await at.rig.replica();
    await at.rig.publish({ id: 'a' });
    await until(() => handled.length === 1);
    consumer.setPaused('effects', true);
    consumer.setPaused('other', true);
    // What was asked for before may still arrive: 512 messages, which the server counts out.
    await at.rig.publishMany(wishes(700, 'b'));
    await until(async () => (await at.rig.owed()).unacked === 511);
    expect(await at.rig.owed()).toEqual({ pending: 189, unacked: 511 });
    consumer.setPaused('other', false);
    expect(handled).toHaveLength(1);
    consumer.setPaused('effects', false);
    await until(() => at.rig.isDone());
    expect(await totals(at.store)).toEqual({ a: 1, b: 700 });
  });

  test('before the start nothing is asked for', async () => {
    const { consumer, handled } = await at.rig.replica({ paused: 'effects' });
    await at.rig.publish({ id: 'a' });
    await until(async () => (await at.rig.owed()).pending === 1);
    expect(await at.rig.owed()).toEqual({ pending: 1, unacked: 0 });
    expect(handled).toEqual([]);
    consumer.setPaused('effects', false);
    await until(() => at.rig.isDone());
  });

  test('a batch under way is finished', async () => {
    const { open, pass, reached } = gate();
    const { consumer } = await at.rig.replica({ before: pass });
    await at.rig.publish({ id: 'a' });
    await until(() => reached() === 1);
    consumer.setPaused('effects', true);
    open();
    await until(() => at.rig.isDone());
    expect(await totals(at.store)).toEqual({ a: 1 });
  });
});

describe('draining', () => {
  test('finishes the batch under way and leaves the rest un-acked to others', async () => {
    await at.rig.setAckWait(1_000);
    const { open, pass, reached } = gate();
    const leaving = await at.rig.replica({ before: pass });
    await at.rig.publish({ id: 'a' });
    await until(() => reached() === 1);
    await at.rig.publishMany(wishes(50, 'b'));
    await until(async () => (await at.rig.owed()).unacked === 51);
    const ended = leaving.end();
    open();
    await ended;
    expect(await totals(at.store)).toEqual({ a: 1 });
    expect(await at.rig.owed()).toEqual({ pending: 0, unacked: 50 });
    const staying = await at.rig.replica();
    await until(() => at.rig.isDone());
    expect(await totals(at.store)).toEqual({ a: 1, b: 50 });
    expect(kinds(staying, 'decided')).toBe(50);
  });

  test('in the middle of a stream of events loses none and applies each once', async () => {
    await at.rig.setAckWait(1_000);
    const ids = Array.from({ length: 10 }, (_, index) => `t${index}`);
    const replicas = [await at.rig.replica()];
    // The rows are there before two replicas have events of one tally at the same time.
    await at.rig.publishMany(ids.map((id) => ({ id })));
    await until(() => at.rig.isDone());
    replicas.push(await at.rig.replica());
    for (let sequence = 2; sequence <= 40; sequence++) {
      await at.rig.publishMany(ids.map((id) => ({ id, sequence })));
      if (sequence === 15) await replicas[0]?.end();
      if (sequence === 25) replicas.push(await at.rig.replica());
    }
    await until(() => at.rig.isDone());
    expect(Object.values(await totals(at.store))).toEqual(Array(10).fill(40));
    expect(replicas.flatMap(({ logger }) => logger.lines)).toEqual([]);
  });
});

test('lag is what waits on the server and here, by stream and lane', async () => {
  const { open, pass, reached } = gate();
  const { consumer } = await at.rig.replica({ before: pass });
  const lagOf = (lane: string) => consumer.lag().find((each) => each.lane === lane)?.pending;
  await at.rig.publish({ id: 'a' });
  await until(() => reached() === 1);
  await at.rig.publishMany(wishes(600, 'b'));
  await until(() => lagOf('standard') === 600);
  expect(lagOf('hot')).toBe(0);
  expect(consumer.lag().map(({ stream }) => stream)).toEqual(Array(3).fill(at.rig.stream));
  open();
  await until(() => lagOf('standard') === 0);
});
