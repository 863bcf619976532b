import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Child, startChild } from '@windlass/local/child.ts';
import { temporaryDirectory } from '@windlass/local/directory.ts';
import { resolveNatsServer } from '@windlass/local/nats-binary.ts';
import { accepts, freePort } from '@windlass/local/ports.ts';

const readyMs = 60_000;
const stopMs = 15_000;

/** A nats-server with JetStream of which a test decides the rest, and when it is there. */
export interface TestServer {
  readonly url: string;
  readonly port: number;
  /** Keeps its files and its address. */
  stop(): Promise<void>;
  /** With another configuration, if one is given. */
  start(config?: string): Promise<void>;
  /** Stops it and removes its files. */
  remove(): Promise<void>;
}

/** `config` is added to the store and the address. */
export async function testServer(config = ''): Promise<TestServer> {
  const directory = await temporaryDirectory();
  const port = await freePort();
  let child: Child | undefined;
  const server: TestServer = {
    url: `nats://127.0.0.1:${port}`,
    port,
    async start(text = config) {
      const file = join(directory.path, 'nats.conf');
      const store = JSON.stringify(join(directory.path, 'data'));
      const jetstream = `jetstream { store_dir: ${store}, max_file_store: 16GB }`;
      const lines = [`listen: "127.0.0.1:${port}"`, jetstream, text, ''];
      await writeFile(file, lines.join('\n'));
      const { path } = await resolveNatsServer();
      child = await startChild({ command: path, args: ['-c', file] });
      await listening(child, port);
    },
    async stop() {
      await child?.stop('SIGTERM', stopMs);
      child = undefined;
    },
    async remove() {
      await server.stop();
      await directory.remove();
    },
  };
  try {
    await server.start();
  } catch (error) {
    await server.remove();
    throw error;
  }
  return server;
}

async function listening(child: Child, port: number): Promise<void> {
  const deadline = performance.now() + readyMs;
  while (!(await accepts(port))) {
    if (performance.now() > deadline || !child.running()) {
      throw new Error(`nats-server did not start:\n${child.tail()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
