import { randomUUID } from 'node:crypto';
import type { Broker } from '@windlass/runtime/broker/connection.ts';
import { eventHeaders } from '@windlass/runtime/broker/headers.ts';
import { type Outgoing, Publisher } from '@windlass/runtime/broker/publisher.ts';
import { type RecordedEvent, subjectOf } from '@windlass/runtime/event.ts';
import { type EventRow, eventColumns, fromRow } from '@windlass/runtime/store/events.ts';
import { type Stack, workerNames } from './stack.ts';

const windowMax = 256;

/** A message that JetStream takes for a new one, whatever it has stored before. */
export function asNewMessage(event: RecordedEvent): Outgoing {
  const headers = eventHeaders(event).replace(/Nats-Msg-Id: .*\r\n/, newMessageId());
  return { subject: subjectOf(event), headers, body: event.body };
}

export const newMessageId = (): string => `Nats-Msg-Id: ${randomUUID()}\r\n`;

/** Resolves when every message is stored. */
export async function publish(broker: Broker, messages: readonly Outgoing[]): Promise<void> {
  const publisher = new Publisher(broker);
  try {
    for (let start = 0; start < messages.length; start += windowMax) {
      const window = messages.slice(start, start + windowMax);
      const failed = (await publisher.publishEach(window)).filter((error) => error !== undefined);
      if (failed.length > 0) throw failed[0];
    }
  } finally {
    publisher.close();
  }
}

/** Publishes every event that there is once more, in no order. */
export async function republishAll(stack: Stack): Promise<number> {
  const messages: Outgoing[] = [];
  for (const worker of workerNames) {
    const rows = await stack.database(worker).query<EventRow & { [column: string]: unknown }>({
      text: `SELECT ${eventColumns} FROM events AS e`,
    });
    messages.push(...rows.map((row) => asNewMessage(fromRow(row))));
  }
  for (let index = messages.length - 1; index > 0; index--) {
    const other = Math.floor(Math.random() * (index + 1));
    const [left, right] = [messages[index], messages[other]];
    if (left !== undefined && right !== undefined) {
      messages[index] = right;
      messages[other] = left;
    }
  }
  await publish(stack.broker, messages);
  return messages.length;
}

const tables = {
  order: ['orders', 'events', 'idempotency'],
  inventory: ['stock', 'reservations', 'events'],
  payment: ['payments', 'ledger_entries', 'effects', 'events'],
} as const;

/** Every row of every business table, and the provider's ledger, as hashes. */
export async function fingerprint(stack: Stack): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = { provider: (await stack.shops[0].ledger()).summary };
  for (const worker of workerNames) {
    for (const table of tables[worker]) {
      const [row] = await stack.rows(
        worker,
        `SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM ${table} AS t`,
      );
      found[`${worker}.${table}`] = row;
    }
  }
  return found;
}
