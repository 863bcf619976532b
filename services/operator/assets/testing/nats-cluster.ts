import { freePort } from '@windlass/local/ports.ts';
import { type TestServer, testServer } from './nats-server.ts';

const size = 3;

/** Three nats-servers that replicate to each other, and know one account without users. */
export async function testCluster(): Promise<readonly TestServer[]> {
  const ports: number[] = [];
  while (ports.length < size) ports.push(await freePort());
  const routes = ports.map((port) => `nats-route://127.0.0.1:${port}`).join(', ');
  const started: TestServer[] = [];
  for (const [index, port] of ports.entries()) {
    const cluster = `cluster { name: c, listen: "127.0.0.1:${port}", routes: [${routes}] }`;
    started.push(await testServer(`server_name: n${index}\n${cluster}`));
  }
  return started;
}
