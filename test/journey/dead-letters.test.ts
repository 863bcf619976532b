import { afterAll, beforeAll, expect, test } from '@jest/globals';
import * as orders from '@windlass/contracts/orders.ts';
import type { Outgoing } from '@windlass/runtime/broker/publisher.ts';
import { partitionOf, type RecordedEvent } from '@windlass/runtime/event.ts';
import { uuidv7 } from '@windlass/runtime/ids.ts';
import { until } from '@windlass/runtime/testing/until.ts';
import { asNewMessage, newMessageId, publish } from './republish.ts';
import { Shop } from './shop.ts';
import { Stack } from './stack.ts';

/** Events come from the test alone here, so that nothing but the inventory answers them. */
let stack: Stack;
let sku: string;
beforeAll(async () => {
  stack = await Stack.start({ services: ['inventory'], ackWaitMs: 1_000 });
  const inventory = stack.replicas('inventory')[0]?.url ?? '';
  sku = await new Shop('', { inventory, provider: '' }).stock(1_000);
}, 60_000);
afterAll(() => stack?.stop(), 30_000);

function eventOf(type: string, id: string, data: object): RecordedEvent {
  return {
    id: `orders.${id}.1`,
    type,
    version: 1,
    aggregateId: id,
    sequence: 1,
    lane: 'standard',
    partition: partitionOf(id),
    time: Date.now(),
    correlationId: uuidv7(),
    traceparent: '00-00000000000000000000000000000001-0000000000000001-00',
    body: Buffer.from(JSON.stringify({ orderId: id, ...data })),
  };
}

function created(id: string, quantity = 1): RecordedEvent {
  const lines = [{ sku, quantity, unitPrice: 100 }];
  const data = { customerId: 'c-1', currency: 'EUR', lines, total: 100 * quantity };
  return eventOf(orders.created.type, id, data);
}

async function reservation(id: string): Promise<string | undefined> {
  const text = 'SELECT status FROM reservations WHERE order_id = $1';
  const [row] = await stack.rows<{ status: string }>('inventory', text, [id]);
  return row?.status;
}

interface Filed {
  readonly [column: string]: unknown;
  readonly id: string;
  readonly reason: string;
  readonly message: string;
  readonly body: Buffer;
  readonly headers: Buffer;
  readonly deliveries: number;
  readonly consumer: string;
}

/** The dead letter with this body, once it stands in the table. */
async function filed(body: Uint8Array): Promise<Filed> {
  return await until('the dead letter is filed', async () => {
    const text = 'SELECT * FROM dead_letters WHERE body = $1';
    const [row] = await stack.rows<Filed>('inventory', text, [Buffer.from(body)]);
    return row;
  });
}

/** The last message of a subject in a stream, as the stream has stored it. */
async function lastOf(stream: string, subject: string) {
  const answer = await stack.jetStream(`STREAM.MSG.GET.${stream}`, { last_by_subj: subject });
  const { data = '', hdrs = '' } = Object(answer.message);
  const decoded = (text: string) => Buffer.from(text, 'base64');
  return { data: decoded(data), headers: decoded(hdrs).toString('latin1') };
}

const idle = () => until('nothing waits', async () => (await stack.unhandled('inventory')) === 0);

test('answers orders.created with inventory.reserved on the stream within two seconds', async () => {
  for (let round = 0; round < 5; round++) {
    const event = created(uuidv7());
    const subject = `inventory.reserved.v1.standard.${String(event.partition).padStart(2, '0')}`;
    await publish(stack.broker, [asNewMessage(event)]);
    const message = await until(
      'it is reserved',
      async () => {
        const found = await lastOf('INVENTORY', subject);
        return JSON.parse(found.data.toString()).orderId === event.aggregateId && found;
      },
      { withinMs: 2_000 },
    );
    expect(JSON.parse(message.data.toString()).lines).toEqual([{ sku, quantity: 1 }]);
    expect(message.headers).toContain('ce-type: windlass.inventory.reserved.v1');
    expect(message.headers).toContain(`ce-correlationid: ${event.correlationId}`);
    expect(message.headers).toContain(`ce-causationid: ${event.id}`);
  }
});

const good = () => asNewMessage(created(uuidv7()));
const changed = (change: Partial<Outgoing>): Outgoing => ({ ...good(), ...change });
const without = (header: RegExp): Outgoing => {
  const message = good();
  return { ...message, headers: message.headers.replace(header, '') };
};
const unhandleable: Record<string, [message: () => Outgoing, reason: string]> = {
  'a message without headers': [() => changed({ headers: newMessageId() }), 'unknown-event'],
  'an event of an unknown version': [
    () => changed({ headers: good().headers.replace('created.v1', 'created.v9') }),
    'unknown-event',
  ],
  'an event without its place': [() => without(/ce-sequence: .*\r\n/), 'malformed-envelope'],
  'an event without its aggregate': [() => without(/ce-subject: .*\r\n/), 'malformed-envelope'],
  'an event of another aggregate than its body': [
    () => changed({ body: created('another').body }),
    'malformed-envelope',
  ],
  'a body that is no JSON': [
    () => changed({ body: Buffer.from(`{${uuidv7()}`) }),
    'malformed-body',
  ],
  'a body that is not text': [
    () => changed({ body: Buffer.from([0, 0xff, 0xfe, ...Buffer.from(uuidv7())]) }),
    'malformed-body',
  ],
  'no body': [() => changed({ body: Buffer.alloc(0) }), 'malformed-body'],
  'a body that breaks the schema': [
    () => changed({ body: Buffer.from(JSON.stringify({ orderId: uuidv7() })) }),
    'malformed-body',
  ],
  'a body with NUL in an id': [
    () => {
      const body = created(uuidv7()).body.toString().replace('c-1', '\\u0000');
      return changed({ body: Buffer.from(body) });
    },
    'malformed-body',
  ],
  'a body of 256 KiB': [
    () => changed({ body: Buffer.from(`"${uuidv7()}${' '.repeat(262_000)}"`) }),
    'malformed-body',
  ],
};

test.each(Object.entries(unhandleable))(
  'files %s as a dead letter, as it came, and goes on',
  async (_, [make, reason]) => {
    const message = make();
    const neighbours = [created(uuidv7()), created(uuidv7())];
    const [first, last] = neighbours.map(asNewMessage);
    await publish(
      stack.broker,
      [first, message, last].flatMap((each) => each ?? []),
    );
    const letter = await filed(message.body);
    expect(letter).toMatchObject({ reason, consumer: 'inventory-standard', deliveries: 1 });
    expect(letter.message).not.toBe('');
    const stored = await lastOf('DEAD_LETTER', 'dead-letter.inventory.inventory-standard');
    expect(Buffer.compare(stored.data, message.body)).toBe(0);
    expect(stored.headers).toContain(`windlass-reason: ${reason}`);
    expect(stored.headers).toContain(`Nats-Msg-Id: ${letter.id}`);
    for (const { aggregateId } of neighbours) {
      await until('it is held', async () => (await reservation(aggregateId)) === 'HELD');
    }
  },
);

test('keeps an event that came before the one it follows, and applies it then', async () => {
  const id = uuidv7();
  const confirmed = eventOf(orders.confirmed.type, id, { status: 'CONFIRMED', facts });
  await publish(stack.broker, [asNewMessage({ ...confirmed, id: `orders.${id}.2`, sequence: 2 })]);
  await idle();
  const text = 'SELECT reason FROM parked';
  expect(await stack.rows('inventory', text)).toEqual([{ reason: 'orphan' }]);
  await publish(stack.broker, [asNewMessage(created(id, 3))]);
  await until('it is sold', async () => (await reservation(id)) === 'COMMITTED');
  const parked = () => stack.rows('inventory', 'SELECT 1 FROM parked');
  await until('nothing is parked', async () => (await parked()).length === 0);
});

const facts = {
  ...{ decision: 'proceed', reservation: 'held', payment: 'captured', unresolved: false },
  ...{ captured: 300, refunded: 0, refundPending: 0, refundFailed: 0 },
};

test('files an event that failed five times, with its failures', async () => {
  const event = created(uuidv7());
  await stack.rows('inventory', 'ALTER TABLE reservations RENAME TO hidden');
  await publish(stack.broker, [asNewMessage(event)]);
  const letter = await filed(event.body).finally(() =>
    stack.rows('inventory', 'ALTER TABLE hidden RENAME TO reservations'),
  );
  expect(letter).toMatchObject({ reason: 'retries-exhausted', deliveries: 5 });
  await idle();
});

test('files an event that its process does not survive, after five deaths', async () => {
  const event = created(uuidv7());
  const [victim, other] = stack.replicas('inventory');
  await other?.stop();
  await victim?.stop();
  await publish(stack.broker, [asNewMessage(event)]);
  for (let death = 1; death <= 5; death++) {
    await stack.killAt(victim, 'batch.deciding', 1);
    await victim?.restart();
    expect(await victim?.exited()).toMatchObject({ signal: 'SIGKILL' });
  }
  await stack.killAt(victim, undefined, 0);
  await victim?.restart();
  expect(await filed(event.body)).toMatchObject({ reason: 'crash-exhausted' });
  expect(await reservation(event.aggregateId)).toBeUndefined();
});
