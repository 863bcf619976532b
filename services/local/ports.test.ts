import { createServer, type Server } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { accepts, checkPorts, freePort, portFrom } from './ports.ts';

const open: Server[] = [];
afterEach(() => {
  for (const server of open.splice(0)) server.close();
});

async function listen(port: number, host?: string): Promise<void> {
  const server = createServer();
  open.push(server);
  await new Promise<void>((resolve) => server.listen({ port, host }, resolve));
}

test.each([['127.0.0.1'], ['0.0.0.0'], [undefined]])(
  'names the port and the variable when %s is taken',
  async (host) => {
    const port = await freePort();
    await listen(port, host);
    const wanted = [{ owner: 'NATS', port, variable: 'NATS_PORT' }];
    await expect(checkPorts(wanted)).rejects.toThrow(
      `Port ${port} for NATS is taken by another program; ` +
        'stop it or set NATS_PORT to a free port.',
    );
  },
);

test('refuses one port for two owners', async () => {
  const port = await freePort();
  const wanted = [
    { owner: 'order', port, variable: 'ORDER_PORT' },
    { owner: 'payment', port, variable: 'PAYMENT_PORT' },
  ];
  await expect(checkPorts(wanted)).rejects.toThrow(/payment and order are both given port/);
});

test('gives a port on which nothing listens, and each only once', async () => {
  const ports = await Promise.all(Array.from({ length: 20 }, freePort));
  expect(new Set(ports).size).toBe(20);
  expect(await accepts(ports[0] as number)).toBe(false);
  await listen(ports[0] as number, '127.0.0.1');
  expect(await accepts(ports[0] as number)).toBe(true);
});

test.each(['0', '65536', 'x', '1.5'])('refuses %s as a port', (value) => {
  expect(() => portFrom({ NATS_PORT: value }, 'NATS_PORT', 1)).toThrow(/NATS_PORT is ".*", which/);
});

test('takes the default when the variable is empty', () => {
  expect(portFrom({ NATS_PORT: '' }, 'NATS_PORT', 4_222)).toBe(4_222);
});
