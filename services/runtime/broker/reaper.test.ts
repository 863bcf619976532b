import { expect, test } from '@jest/globals';
import { rigOfEachTest, totals } from '../testing/consumer-rig.ts';
import { until } from '../testing/until.ts';
import { deliveryOf } from './delivery.ts';

const at = rigOfEachTest();

/** Lets the one message of the lane be delivered and put back, `times` times. */
async function burn(times: number): Promise<void> {
  const connection = await at.rig.broker.ready();
  for (let time = 0; time < times; time++) {
    const subject = `$JS.API.CONSUMER.MSG.NEXT.${at.rig.stream}.${at.rig.service}-standard`;
    // The message comes under its own subject, by which a shared inbox cannot tell requests apart.
    const options = { noMux: true, timeout: 3_000 };
    const message = await connection.request(subject, '', options);
    expect(deliveryOf(message)?.deliveries).toBe(time + 1);
    deliveryOf(message)?.nak(0);
  }
}

test('a message whose process died in its last delivery is filed with its bytes', async () => {
  await at.rig.setAckWait(500);
  await at.rig.publish({ id: 'a', amount: 7 });
  await burn(4);
  let revive: () => void = () => {};
  const revived = new Promise<void>((resolve) => {
    revive = resolve;
  });
  const dying = await at.rig.replica({
    async before() {
      await dying.broker.close();
      await revived;
    },
  });
  try {
    await until(() => !dying.broker.connected);
    const { filed } = await at.rig.replica();
    await until(() => filed.length === 1);
    const [sent] = at.rig.messagesOf({ id: 'a', amount: 7 });
    expect(filed).toMatchObject([
      { reason: 'crash-exhausted', deliveries: 5, subject: sent?.subject, streamSequence: 1 },
    ]);
    expect(Buffer.from(filed[0]?.body ?? [])).toEqual(sent?.body);
    expect(filed[0]?.headers).toContain(`ce-id: ${at.rig.service}.a.1\r\n`);
    expect(await totals(at.store)).toEqual({});
  } finally {
    revive();
  }
});

test('a message of which nothing was kept is filed by its place in the stream', async () => {
  await at.rig.publish({ id: 'a' });
  await burn(5);
  const { filed, handled } = await at.rig.replica();
  await until(() => filed.length === 1);
  expect(filed).toMatchObject([
    {
      reason: 'crash-exhausted',
      deliveries: 5,
      stream: at.rig.stream,
      streamSequence: 1,
      subject: '',
    },
  ]);
  expect(handled).toEqual([]);
});

test('a message that was filed already is not filed again', async () => {
  await at.rig.publish({ id: 'a' });
  await at.store.database.query({
    text: `INSERT INTO dead_letters VALUES ($1, 'c', 's', 1, '', '', '', 'permanent', '', '', '',
             '', 1, now(), now())`,
    values: [`${at.rig.stream}:1:${at.rig.service}-standard`],
  });
  await burn(5);
  await at.rig.publish({ id: 'b' });
  const { filed, handled } = await at.rig.replica();
  await until(() => handled.length === 1);
  const reaper = `CONSUMER.INFO.ADVISORY.${at.rig.service}-reaper`;
  await until(async () => {
    const info = await at.rig.ask(reaper);
    return Number(Object(info.ack_floor).consumer_seq) === 1;
  });
  expect(filed).toEqual([]);
  expect(await totals(at.store)).toEqual({ b: 1 });
});
