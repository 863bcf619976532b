import { createServer, type Server } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { CoalescingSocket } from './coalescing-socket.ts';

let server: Server;
let client: CoalescingSocket;
const received: string[] = [];
afterEach(() => {
  client.destroy();
  server.close();
  received.length = 0;
});

/** A server that keeps each piece as it came, and a connection to it. */
async function connected(): Promise<void> {
  server = createServer((socket) =>
    socket.on('data', (bytes) => void received.push(bytes.toString())),
  );
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  client = new CoalescingSocket();
  await new Promise<void>((resolve) => void client.connect(port, '127.0.0.1', resolve));
}

/** As the driver sends a statement: corked, a write for each part of it. */
function statement(...parts: readonly string[]): void {
  client.cork();
  for (const part of parts) client.write(part);
  client.uncork();
}

const arrived = async (length: number) => {
  while (received.join('').length < length) await new Promise((resolve) => setTimeout(resolve, 1));
};

test('sends the statements of one turn together and in their order', async () => {
  await connected();
  for (const name of ['a', 'b', 'c']) statement(name, '1', '2');
  await arrived(9);
  expect(received).toEqual(['a12b12c12']);
});

test('holds nothing back for longer than the turn', async () => {
  await connected();
  statement('a');
  await arrived(1);
  statement('b');
  await arrived(2);
  expect(received).toEqual(['a', 'b']);
});

test('sends what was held before it ends', async () => {
  await connected();
  statement('a');
  client.end('b');
  await arrived(2);
  expect(received.join('')).toBe('ab');
});
