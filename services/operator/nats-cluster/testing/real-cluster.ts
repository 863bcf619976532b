import { randomInt } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Child, startChild } from '@windlass/local/child.ts';
import { temporaryDirectory } from '@windlass/local/directory.ts';
import { resolveNatsServer } from '@windlass/local/nats-binary.ts';
import { newUserKey } from '@windlass/runtime/broker/nkeys.ts';
import { Connections } from '../../assets/connections.ts';
import type { JetStream } from '../../assets/jet-stream.ts';
import { type ConfiguredUser, configurationOf } from '../configuration.ts';
import { podName, ports } from '../names.ts';
import { specWith } from './facts.ts';

const stopMs = 15_000;

/** Real servers with the configuration of a cluster, each on an address of its own. */
export interface RealCluster {
  readonly system: JetStream;
  readonly account: JetStream;
  /** Of what is written now, by the name of the server. */
  readonly digests: ReadonlyMap<string, string>;
  /** Writes other configurations; nobody reads one before he is told. */
  write(users: readonly ConfiguredUser[]): Promise<void>;
  stopServer(ordinal: number): Promise<void>;
  signalServer(ordinal: number, signal: NodeJS.Signals): void;
  stop(): Promise<void>;
}

export async function startRealCluster(count: number): Promise<RealCluster> {
  const directory = await temporaryDirectory();
  const network = `127.${randomInt(2, 100)}.${randomInt(1, 255)}`;
  const address = (ordinal: number) => `${network}.${ordinal + 1}`;
  const ordinals = Array.from({ length: count }, (_, ordinal) => ordinal);
  const keys = { system: newUserKey(), app: newUserKey() };
  const file = (ordinal: number) => join(directory.path, `${ordinal}.conf`);
  const write = async (users: readonly ConfiguredUser[]) => {
    const written = new Map<string, string>();
    for (const ordinal of ordinals) {
      const data = join(directory.path, `data-${ordinal}`);
      await mkdir(data, { recursive: true });
      const merge = {
        pid_file: join(directory.path, `${ordinal}.pid`),
        jetstream: { store_dir: data },
        cluster: { routes: ordinals.map((each) => `nats://${address(each)}:${ports.cluster}`) },
      };
      const configuration = configurationOf({
        cluster: { namespace: 'ns', name: 'c' },
        spec: specWith({ replicas: count, config: { merge } }),
        servers: count,
        volumeBytes: 2 ** 30,
        operator: { system: keys.system.publicKey, accounts: { APP: keys.app.publicKey } },
        users,
      });
      await writeFile(file(ordinal), configuration.text);
      written.set(podName('c', ordinal), configuration.digest);
    }
    return written;
  };
  let digests = await write([]);
  const command = (await resolveNatsServer()).path;
  const children: Child[] = [];
  for (const ordinal of ordinals) {
    const env = { POD_NAME: podName('c', ordinal), POD_IP: address(ordinal) };
    children.push(await startChild({ command, args: ['-c', file(ordinal)], env }));
  }
  const logger = { info: () => {}, warn: () => {} };
  const connections = new Connections({ logger });
  const open = (target: string, seed: string) =>
    connections.open({
      target,
      servers: ordinals.map((each) => `nats://${address(each)}:${ports.client}`),
      credentials: { kind: 'nkey', seed },
      apiPrefix: '$JS.API',
    });
  return {
    system: open('SYS', keys.system.seed),
    account: open('APP', keys.app.seed),
    get digests() {
      return digests;
    },
    async write(users) {
      digests = await write(users);
    },
    async stopServer(ordinal) {
      await children[ordinal]?.stop('SIGTERM', stopMs);
    },
    signalServer(ordinal, signal) {
      children[ordinal]?.kill(signal);
    },
    async stop() {
      await connections.close();
      for (const child of children) child.kill('SIGCONT');
      await Promise.all(children.map((child) => child.stop('SIGTERM', stopMs)));
      await directory.remove();
    },
  };
}
