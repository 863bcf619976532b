import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type Child, type Exit, startChild } from './child.ts';
import { freePort } from './ports.ts';

const readyMs = 30_000;
const pollMs = 20;
const stopMs = 15_000;
/** A larger heap for less collecting: a tenth of the server's CPU under load. */
const runtime = { GOGC: '400', GOMEMLIMIT: '512MiB' };

export interface NatsServerOptions {
  readonly binary: string;
  /** Kept: a server that is started on it again has its streams and consumers. */
  readonly dataDir: string;
  /** 0: a free one. */
  readonly port: number;
  /** Without it there is no monitoring. 0: a free one. */
  readonly monitoringPort?: number;
  readonly onLine?: (line: string) => void;
}

export interface NatsServer {
  readonly url: string;
  readonly port: number;
  readonly monitoringUrl: string | undefined;
  readonly pid: number;
  readonly exited: Promise<Exit>;
  kill(signal: NodeJS.Signals): void;
  stop(): Promise<Exit>;
}

/**
 * Resolves when JetStream answers. Every acknowledged message is on disk (`sync_interval:
 * always`), as in production. Throws with the server's last words when it does not start.
 */
export async function startNatsServer(options: NatsServerOptions): Promise<NatsServer> {
  const { dataDir, binary, onLine } = options;
  const port = options.port === 0 ? await freePort() : options.port;
  const monitoring = options.monitoringPort === 0 ? await freePort() : options.monitoringPort;
  const name = `windlass-${port}`;
  await mkdir(dataDir, { recursive: true });
  const config = join(dataDir, 'nats-server.conf');
  await writeFile(config, configuration(name, dataDir, port, monitoring));
  const child = await startChild({
    command: binary,
    args: ['-c', config],
    env: { ...process.env, ...runtime },
    ...(onLine === undefined ? {} : { onLine }),
  });
  try {
    await ready(child, port, name);
  } catch (error) {
    await child.stop('SIGKILL', stopMs);
    throw error;
  }
  return {
    url: `nats://127.0.0.1:${port}`,
    port,
    monitoringUrl: monitoring === undefined ? undefined : `http://127.0.0.1:${monitoring}`,
    pid: child.pid,
    exited: child.exited,
    kill: child.kill,
    stop: () => child.stop('SIGTERM', stopMs),
  };
}

function configuration(
  name: string,
  dataDir: string,
  port: number,
  monitoring: number | undefined,
): string {
  return [
    `server_name: ${name}`,
    'host: 127.0.0.1',
    `port: ${port}`,
    ...(monitoring === undefined ? [] : [`http: "127.0.0.1:${monitoring}"`]),
    'max_payload: 512KB',
    'jetstream {',
    `  store_dir: ${JSON.stringify(dataDir)}`,
    '  sync_interval: always',
    // Otherwise a part of the free disk, too little for the streams' bounds on a full laptop.
    '  max_file_store: 64GB',
    '  max_memory_store: 256MB',
    '}',
    '',
  ].join('\n');
}

/** The name in INFO proves that it is this server that listens and not another one. */
async function ready(child: Child, port: number, name: string): Promise<void> {
  const deadline = performance.now() + readyMs;
  while (performance.now() < deadline) {
    if (!child.running()) throw new Error(`nats-server did not start:\n${child.tail()}`);
    if ((await greeting(port)).includes(`"server_name":"${name}"`) && child.running()) return;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  throw new Error(`nats-server is not ready after ${readyMs / 1_000} s:\n${child.tail()}`);
}

/** What the server says first, or nothing when nobody listens. */
function greeting(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', timeout: 1_000 });
    const end = (text: string) => {
      socket.destroy();
      resolve(text);
    };
    socket.once('data', (data) => end(data.toString()));
    socket.once('error', () => end(''));
    socket.once('timeout', () => end(''));
    socket.once('close', () => end(''));
  });
}
