import { expect, test } from '@jest/globals';
import { rigOfEachTest } from '../testing/consumer-rig.ts';
import { quiet } from '../testing/rig.ts';
import { until } from '../testing/until.ts';
import { Broker } from './connection.ts';
import { handledUpTo } from './lag.ts';

const at = rigOfEachTest();

const ackWaitMs = 30_000;
const now = 4e12;
const nothingHandled = { newestHandled: () => 0 };

test('everything is handled up to now when no lane has anything pending', async () => {
  const { consumer } = await at.rig.replica();
  await at.rig.publish({ id: 'a' }, { id: 'b', lane: 'hot' });
  await until(async () => (await at.rig.isDone()) && (await at.rig.isDone('hot')));
  const { broker, service, stream } = at.rig;
  expect(await handledUpTo(broker, consumer, service, stream, ackWaitMs, now)).toBe(now);
});

test.each(['hot', 'standard', 'bulk'] as const)(
  'with %s pending it is the newest that was handled there, less ack_wait',
  async (lane) => {
    const { consumer, handled } = await at.rig.replica({ retryMs: 60_000 });
    const before = Date.now() - 1_000;
    await at.rig.publish({ id: 'a', lane });
    await until(() => handled.length === 1);
    await at.rig.publish({ id: 'b', lane, note: 'transient' });
    await until(async () => (await at.rig.owed(lane)).unacked === 1);
    const { broker, service, stream } = at.rig;
    const newest = consumer.newestHandled(stream, lane);
    expect(newest).toBeGreaterThan(before);
    expect(newest).toBeLessThan(Date.now() + 1_000);
    const upTo = await handledUpTo(broker, consumer, service, stream, ackWaitMs, now);
    expect(upTo).toBe(newest - ackWaitMs);
  },
);

test('with something pending and nothing handled here nothing is sure', async () => {
  await at.rig.publish({ id: 'a' });
  const { broker, service, stream } = at.rig;
  expect(await handledUpTo(broker, nothingHandled, service, stream, ackWaitMs, now)).toBe(0);
});

test('the lane that is furthest behind counts', async () => {
  await at.rig.publish({ id: 'a', lane: 'hot' }, { id: 'b', lane: 'bulk' });
  const newest = { hot: 1_000_000, standard: 0, bulk: 500_000 };
  const handled = { newestHandled: (_: string, lane: keyof typeof newest) => newest[lane] };
  const { broker, service, stream } = at.rig;
  expect(await handledUpTo(broker, handled, service, stream, ackWaitMs, now)).toBe(470_000);
});

test('nothing is sure without a connection, nor when the server knows no such consumer', async () => {
  const { broker, service, stream } = at.rig;
  expect(await handledUpTo(broker, nothingHandled, 'nobody', stream, ackWaitMs, now)).toBe(0);
  const away = new Broker({ servers: ['nats://127.0.0.1:1'], name: 'away', logger: quiet });
  expect(await handledUpTo(away, nothingHandled, service, stream, ackWaitMs, now)).toBe(0);
});
