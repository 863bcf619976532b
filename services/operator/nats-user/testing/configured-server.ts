import { writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { startChild } from '@windlass/local/child.ts';
import { temporaryDirectory } from '@windlass/local/directory.ts';
import { resolveNatsServer } from '@windlass/local/nats-binary.ts';
import { freePort } from '@windlass/local/ports.ts';

const readyMs = 30_000;
const stopMs = 15_000;

/** A nats-server with JetStream whose accounts and users a test decides. */
export interface ConfiguredServer {
  readonly url: string;
  /** What the server has refused so far, in its own words. */
  readonly violations: readonly string[];
  /** Lets it read another configuration; resolves when it says that it has. */
  reload(accounts: string): Promise<void>;
  stop(): Promise<void>;
}

export async function startConfiguredServer(
  accounts: string,
  at?: { readonly host: string; readonly port: number },
): Promise<ConfiguredServer> {
  const directory = await temporaryDirectory();
  const address = at ?? { host: '127.0.0.1', port: await freePort() };
  const config = join(directory.path, 'nats.conf');
  const listen = `listen: "${address.host}:${address.port}"`;
  const write = (text: string) =>
    writeFile(config, [listen, storage(directory.path), text, ''].join('\n'));
  await write(accounts);
  const violations: string[] = [];
  let reloads = 0;
  const child = await startChild({
    command: (await resolveNatsServer()).path,
    args: ['-c', config],
    onLine: (line) => {
      if (line.includes('Reloaded server configuration')) reloads += 1;
      if (line.includes('Violation')) violations.push(line);
    },
  });
  const until = async (what: string, holds: () => boolean | Promise<boolean>) => {
    const deadline = performance.now() + readyMs;
    while (!(await holds())) {
      if (performance.now() > deadline || !child.running()) {
        throw new Error(`the server is not ${what}:\n${child.tail()}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const stop = async () => {
    await child.stop('SIGTERM', stopMs);
    await directory.remove();
  };
  try {
    await until('ready', () => listens(address));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url: `nats://${address.host}:${address.port}`,
    violations,
    async reload(text) {
      const before = reloads;
      await write(text);
      child.kill('SIGHUP');
      await until('reloaded', () => reloads > before);
    },
    stop,
  };
}

function storage(path: string): string {
  return `jetstream { store_dir: ${JSON.stringify(join(path, 'data'))}, max_file_store: 16GB }`;
}

function listens(address: { readonly host: string; readonly port: number }): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ ...address, timeout: 1_000 });
    const end = (isThere: boolean) => {
      socket.destroy();
      resolve(isThere);
    };
    socket.once('data', () => end(true));
    socket.once('error', () => end(false));
    socket.once('timeout', () => end(false));
  });
}
