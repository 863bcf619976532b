import type { StreamDefinition } from '@windlass/contracts/stream.ts';
import { type ConnectionOptions, connect, type NatsConnection } from 'nats';
import { z } from 'zod';
import {
  type Consumer,
  type ConsumingService,
  consumerSettings,
  type StreamEnvironment,
  type StreamSettings,
  streamSettings,
} from './topology.ts';

/** API level of server 2.12, the first with atomic batches. */
const minimumApiLevel = 2;
const minimumVersion = '2.12';
const connectWithinMs = 30_000;
const retryMs = 200;
const requestTimeoutMs = 10_000;
const notFoundCodes = [10_014, 10_059];

export class ProvisionFailed extends Error {
  override readonly name = 'ProvisionFailed';
}

export interface ProvisionOptions {
  /** Where the servers are; everything else of the connection has defaults. */
  readonly connection: ConnectionOptions & { readonly servers: string | string[] };
  readonly streams: readonly StreamDefinition[];
  readonly services: readonly ConsumingService[];
  readonly environment: StreamEnvironment;
}

export interface Provisioned {
  /** Streams and consumers that were not there. */
  readonly created: readonly string[];
  /** Those that were there with another configuration. */
  readonly updated: readonly string[];
}

/**
 * Creates the streams and durable consumers, and updates those that differ. Nothing is ever
 * deleted. Waits up to 30 s for the server.
 *
 * Throws `ProvisionFailed` with one sentence when the server is too old, refuses a
 * configuration or answers with another one than was asked: older servers drop a key that
 * they do not know and report success.
 */
export async function provision(options: ProvisionOptions): Promise<Provisioned> {
  const connection = await connectWithin(options.connection);
  try {
    await checkServer(connection);
    const created: string[] = [];
    const updated: string[] = [];
    const note = (what: string, done: Outcome) => {
      if (done === 'created') created.push(what);
      if (done === 'updated') updated.push(what);
    };
    for (const settings of streamSettings(options.streams, options.environment)) {
      note(settings.name, await provisionStream(connection, settings));
    }
    for (const consumer of options.services.flatMap(consumerSettings)) {
      const what = `${consumer.stream}/${consumer.settings.durable_name}`;
      note(what, await provisionConsumer(connection, consumer));
    }
    return { created, updated };
  } finally {
    await connection.close();
  }
}

async function connectWithin(options: ProvisionOptions['connection']): Promise<NatsConnection> {
  const deadline = performance.now() + connectWithinMs;
  for (;;) {
    try {
      return await connect({ name: 'windlass-provision', timeout: 2_000, ...options });
    } catch (error) {
      if (performance.now() > deadline) {
        throw new ProvisionFailed(
          `NATS at ${String(options.servers)} cannot be reached for ${connectWithinMs / 1_000} s.`,
          { cause: error },
        );
      }
      await new Promise((resolve) => setTimeout(resolve, retryMs));
    }
  }
}

const info = z.object({ api: z.object({ level: z.int().default(0) }) });

async function checkServer(connection: NatsConnection): Promise<void> {
  const version = connection.info?.version ?? 'unknown';
  const answer = await ask(connection, 'INFO', undefined);
  const level = info.safeParse(answer).data?.api.level ?? 0;
  if (level >= minimumApiLevel) return;
  throw new ProvisionFailed(
    `NATS server ${version} has JetStream API level ${level}, ` +
      `but windlass needs ${minimumApiLevel} (server ${minimumVersion} or newer).`,
  );
}

type Outcome = 'created' | 'updated' | 'unchanged';

function provisionStream(connection: NatsConnection, settings: StreamSettings): Promise<Outcome> {
  const { name } = settings;
  return settle(connection, {
    what: `stream ${name}`,
    wanted: { ...settings },
    look: `STREAM.INFO.${name}`,
    create: { api: `STREAM.CREATE.${name}`, body: settings },
    update: { api: `STREAM.UPDATE.${name}`, body: settings },
  });
}

function provisionConsumer(connection: NatsConnection, consumer: Consumer): Promise<Outcome> {
  const { stream, settings } = consumer;
  const place = `${stream}.${settings.durable_name}`;
  const put = {
    api: `CONSUMER.CREATE.${place}`,
    body: { stream_name: stream, config: settings },
  };
  return settle(connection, {
    what: `consumer ${settings.durable_name} on ${stream}`,
    wanted: { ...settings },
    look: `CONSUMER.INFO.${place}`,
    create: put,
    update: put,
  });
}

interface Asset {
  readonly what: string;
  readonly wanted: Readonly<Record<string, unknown>>;
  readonly look: string;
  readonly create: { readonly api: string; readonly body: object };
  readonly update: { readonly api: string; readonly body: object };
}

async function settle(connection: NatsConnection, asset: Asset): Promise<Outcome> {
  const found = await ask(connection, asset.look, undefined);
  const exists = found.error === undefined;
  if (!exists && !notFoundCodes.includes(found.error?.err_code ?? 0)) {
    throw refused(asset.what, found);
  }
  if (exists && differences(asset.wanted, found.config).length === 0) return 'unchanged';
  const { api, body } = exists ? asset.update : asset.create;
  const answer = await ask(connection, api, body);
  if (answer.error !== undefined) throw refused(asset.what, answer);
  const different = differences(asset.wanted, answer.config);
  if (different.length > 0) {
    throw new ProvisionFailed(
      `NATS server ${connection.info?.version} stored ${asset.what} ` +
        `with other settings than asked: ${different.join(', ')}.`,
    );
  }
  return exists ? 'updated' : 'created';
}

function refused(what: string, answer: Answer): ProvisionFailed {
  const { description = 'without a reason', err_code: code = 0 } = answer.error ?? {};
  return new ProvisionFailed(`NATS refused ${what}: ${description} (${code}).`);
}

const answerSchema = z.looseObject({
  error: z.object({ err_code: z.int().optional(), description: z.string().optional() }).optional(),
  config: z.record(z.string(), z.unknown()).default({}),
});
type Answer = z.output<typeof answerSchema>;

/**
 * Requests in the server's own words instead of the client's typed calls: its types lack the
 * newer keys.
 */
async function ask(
  connection: NatsConnection,
  api: string,
  body: object | undefined,
): Promise<Answer> {
  const payload = body === undefined ? '' : JSON.stringify(body);
  const reply = await connection.request(`$JS.API.${api}`, payload, { timeout: requestTimeoutMs });
  return answerSchema.parse(reply.json());
}

/**
 * What of `wanted` the server does not have. Keys that only the server knows, its defaults
 * and its `_nats.*` metadata, are not looked at; a key that it leaves out has its zero value.
 */
export function differences(
  wanted: Readonly<Record<string, unknown>>,
  actual: Readonly<Record<string, unknown>>,
): string[] {
  return Object.entries(wanted).flatMap(([key, value]) => {
    const found = key === 'filter_subjects' ? filtersOf(actual) : actual[key];
    return canonical(value) === canonical(found)
      ? []
      : [`${key} is ${JSON.stringify(found)} instead of ${JSON.stringify(value)}`];
  });
}

/** The server may keep a single filter under the older key. */
function filtersOf(actual: Readonly<Record<string, unknown>>): unknown {
  return actual.filter_subjects ?? (actual.filter_subject ? [actual.filter_subject] : []);
}

function canonical(value: unknown): string {
  if (value === undefined || value === false || value === 0 || value === '') return 'zero';
  if (Array.isArray(value)) return value.length === 0 ? 'zero' : JSON.stringify([...value].sort());
  return JSON.stringify(value);
}
