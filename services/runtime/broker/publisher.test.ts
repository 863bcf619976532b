import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { natsUrl } from '@windlass/local/testing.ts';
import { freshName, quiet } from '../testing/rig.ts';
import { Broker } from './connection.ts';
import { Publisher } from './publisher.ts';

let broker: Broker;
const streams: string[] = [];

beforeAll(async () => {
  broker = new Broker({ servers: [await natsUrl()], name: 'publisher', logger: quiet });
  broker.start();
});
afterAll(async () => {
  const manager = await (await broker.ready()).jetstreamManager();
  for (const name of streams) await manager.streams.delete(name);
  await broker.close();
});

async function streamThat(answers: boolean): Promise<string> {
  const name = freshName('published');
  const manager = await (await broker.ready()).jetstreamManager();
  await manager.streams.add({ name, subjects: [`${name}.>`], no_ack: !answers });
  streams.push(name);
  return `${name}.made`;
}

const messages = (subject: string, count: number) =>
  Array.from({ length: count }, () => ({ subject, headers: '', body: Buffer.from('{}') }));

test('gives up an answer that does not come soon, where others do', async () => {
  const [answered, silent] = [await streamThat(true), await streamThat(false)];
  const publisher = new Publisher(broker);
  try {
    const stored = await publisher.publishEach(messages(answered, 100));
    expect(stored.filter((error) => error !== undefined)).toEqual([]);
    const began = performance.now();
    const [error] = await publisher.publishEach(messages(silent, 1));
    expect(error).toMatchObject({ message: 'JetStream did not acknowledge in time' });
    expect(performance.now() - began).toBeGreaterThan(400);
    expect(performance.now() - began).toBeLessThan(2_500);
  } finally {
    publisher.close();
  }
});

test('tells of each message whether it was stored', async () => {
  const answered = await streamThat(true);
  const publisher = new Publisher(broker);
  try {
    const mixed = [...messages(answered, 1), ...messages(freshName('nobody'), 1)];
    expect(await publisher.publishEach(mixed)).toMatchObject([
      undefined,
      { message: 'no stream takes this subject', errorCode: 503 },
    ]);
  } finally {
    publisher.close();
  }
});
