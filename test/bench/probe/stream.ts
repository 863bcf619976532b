import type { NatsConnection } from '@windlass/runtime/broker/connection.ts';
import { development, streamSettings } from '@windlass/runtime/broker/topology.ts';

const subject = 'bench.hop';

/** A stream with the configuration of those for events, and a durable consumer of it, `hop`. */
export async function benchStream(
  connection: NatsConnection,
): Promise<{ readonly name: string; readonly subject: string }> {
  const name = 'BENCH';
  const [settings] = streamSettings([{ name, events: [] }], development);
  const consumer = { durable_name: 'hop', ack_policy: 'explicit', ack_wait: 30_000_000_000 };
  await ask(connection, `STREAM.CREATE.${name}`, settings);
  await ask(connection, `CONSUMER.CREATE.${name}.hop`, { stream_name: name, config: consumer });
  return { name, subject };
}

async function ask(connection: NatsConnection, api: string, body: unknown): Promise<void> {
  const reply = await connection.request(`$JS.API.${api}`, JSON.stringify(body));
  const text = reply.string();
  if (text.includes('"error":')) throw new Error(`${api}: ${text}`);
}
