import { randomBytes } from 'node:crypto';
import { Database } from '@windlass/runtime/store/pool.ts';

/** A database that one test file has for itself. */
export interface FreshDatabase {
  readonly url: string;
  /** Ends its sessions and removes it. */
  drop(): Promise<void>;
}

/**
 * The address of this worker's NATS server, which is started when the first test asks for it
 * and shared by the worker's test files: give streams and durables names of their own.
 */
export function natsUrl(): Promise<string> {
  return serverUrl('nats');
}

/** An empty database on this worker's PostgreSQL. Its server is started by the first call. */
export async function freshDatabase(): Promise<FreshDatabase> {
  const address = await serverUrl('postgres');
  const name = `test_${randomBytes(6).toString('hex')}`;
  await administer(address, `CREATE DATABASE ${name}`);
  const url = new URL(address);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    drop: () => administer(address, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
  };
}

async function serverUrl(kind: 'nats' | 'postgres'): Promise<string> {
  const servers = process.env.WINDLASS_TEST_SERVERS;
  if (servers === undefined) {
    throw new Error('This test needs servers: run it with jest, and without WINDLASS_UNIT.');
  }
  const answer = await fetch(`${servers}/${kind}/${process.env.JEST_WORKER_ID ?? '1'}`);
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${kind} for the tests: ${text}`);
  return text;
}

async function administer(url: string, text: string): Promise<void> {
  const logger = { warn: () => {} };
  const database = new Database({ url, max: 1, name: 'windlass-test', logger });
  try {
    await database.query({ text });
  } finally {
    await database.close();
  }
}
