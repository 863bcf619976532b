import { connect, createServer, type Server } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { type FreshDatabase, freshDatabase } from '@windlass/local/testing.ts';
import { quiet } from '../testing/rig.ts';
import { Database } from './pool.ts';

let proxy: Server;
let store: FreshDatabase;
afterEach(async () => {
  proxy.close();
  await store.drop();
});

/** What a server says to each of its connections when its parent has died. */
function fatal(): Buffer {
  const fields = ['SFATAL', 'VFATAL', 'C57P01', 'Mterminating connection'];
  const body = Buffer.from(`${fields.map((field) => `${field}\0`).join('')}\0`);
  const head = Buffer.alloc(5);
  head.write('E');
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

/** The end of the greeting: from here on the client counts as connected. */
const readyForQuery = Buffer.from('Z\0\0\0\x05I', 'latin1');

test('a server that dies right behind its greeting fails a request and ends no process', async () => {
  store = await freshDatabase();
  const target = new URL(store.url);
  let connections = 0;
  proxy = createServer((client) => {
    const isFirst = ++connections === 1;
    const server = connect(Number(target.port), target.hostname);
    client.on('error', () => server.destroy());
    server.on('error', () => client.destroy());
    client.pipe(server);
    server.on('data', (chunk) => {
      const isGreeted = chunk.subarray(-readyForQuery.length).equals(readyForQuery);
      client.write(isFirst && isGreeted ? Buffer.concat([chunk, fatal()]) : chunk);
    });
    server.on('end', () => client.end());
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const address = proxy.address();
  if (address === null || typeof address === 'string') throw new Error('it has no port');
  const url = Object.assign(new URL(store.url), { hostname: '127.0.0.1', port: address.port });
  const database = new Database({ url: url.href, max: 1, name: 'test', logger: quiet });
  await expect(database.query({ text: 'SELECT 1' })).rejects.toThrow();
  expect(await database.query({ text: 'SELECT 2 AS two' })).toEqual([{ two: 2 }]);
  await database.close();
});
