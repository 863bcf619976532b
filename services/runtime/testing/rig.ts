import { randomBytes } from 'node:crypto';
import type { EventDefinition } from '@windlass/contracts/event.ts';
import { defineStream } from '@windlass/contracts/stream.ts';
import { type FreshDatabase, freshDatabase, natsUrl } from '@windlass/local/testing.ts';
import { Broker } from '../broker/connection.ts';
import { provision } from '../broker/provision.ts';
import { development } from '../broker/topology.ts';
import { migrate } from '../store/migrations.ts';
import { Database } from '../store/pool.ts';
import { runtimeMigrations } from '../store/schema.ts';
import { tallyMigration } from './tally.ts';

/** Says nothing. */
export const quiet = { info: () => {}, warn: () => {}, error: () => {} };

/** Keeps what was said, so that a test can look for it. */
export function listening() {
  const lines: { level: string; fields: unknown; text: string }[] = [];
  const at = (level: string) => (fields: unknown, text?: unknown) =>
    void lines.push({ level, fields, text: String(text) });
  return { lines, info: at('info'), warn: at('warn'), error: at('error') };
}

/** A name that no other test has: lower-case letters, so that it may be a context. */
export function freshName(prefix: string): string {
  const letters = [...randomBytes(8)].map((byte) => String.fromCharCode(97 + (byte % 26)));
  return `${prefix}${letters.join('')}`;
}

export interface Store {
  readonly url: string;
  readonly database: Database;
  /** A pool of its own, as another replica has it. */
  replica(max?: number): Database;
  end(): Promise<void>;
}

/** A database with the runtime's tables and the tallies. */
export async function freshStore(): Promise<Store> {
  const fresh: FreshDatabase = await freshDatabase();
  const pools: Database[] = [];
  const replica = (max = 4) => {
    const pool = new Database({ url: fresh.url, max, name: 'test', logger: quiet });
    pools.push(pool);
    return pool;
  };
  const database = replica();
  await migrate(database, [...runtimeMigrations, tallyMigration]);
  return {
    url: fresh.url,
    database,
    replica,
    async end() {
      await Promise.all(pools.map((pool) => pool.close()));
      await fresh.drop();
    },
  };
}

/** A connection to the worker's NATS server, or to `url`. */
export async function connected(name: string, url?: string): Promise<Broker> {
  const broker = new Broker({ servers: [url ?? (await natsUrl())], name, logger: quiet });
  broker.start();
  await broker.ready();
  return broker;
}

/** Creates the stream of a context, the runtime's own streams, and the services' consumers. */
export async function provisioned(
  events: readonly EventDefinition[],
  services: readonly { name: string; consumes: readonly EventDefinition[] }[],
  url?: string,
): Promise<string> {
  const [context = ''] = (events[0]?.type ?? '').split('.');
  const name = context.toUpperCase();
  await provision({
    connection: { servers: url ?? (await natsUrl()) },
    streams: [defineStream({ name, events })],
    services,
    environment: { ...development, maxBytes: 64 * 1_024 * 1_024 },
  });
  return name;
}
