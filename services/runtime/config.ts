import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { ServiceDefinition } from '@windlass/contracts/service.ts';
import { z } from 'zod';

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
const dayMs = 86_400_000;
const hourMs = 3_600_000;
/** Timers of Node.js take a signed 32-bit number of milliseconds at most. */
const longestMs = 2 ** 31 - 1;

export const text = z.string({ error: 'must be set' });

export function whole(min: number, max: number) {
  return text
    .refine((value) => /^\d{1,15}$/.test(value), 'must be a whole number')
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must lie between ${min} and ${max}`);
}

function decimal(min: number, max: number) {
  return text
    .refine((value) => /^\d{1,9}(\.\d{1,9})?$/.test(value), 'must be a decimal number')
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must lie between ${min} and ${max}`);
}

export const durationMs = whole(1, longestMs);
export const port = whole(0, 65_535);
const flag = z.enum(['true', 'false'], { error: 'must be true or false' });

/** An address with one of these schemes; the value never gets into a message: it has secrets. */
function address(...schemes: readonly string[]) {
  return text.refine(
    (value) => URL.canParse(value) && schemes.includes(new URL(value).protocol.slice(0, -1)),
    `must be a URL that starts with ${schemes.join(':// or ')}://`,
  );
}

export const servers = text
  .transform((value) => value.split(',').map((server) => server.trim()))
  .refine(
    (list) => list.every((server) => /^((nats|tls|ws|wss):\/\/)?[^\s/]+\/?$/.test(server)),
    'must be NATS addresses separated by commas',
  );

const http = address('http', 'https');

/** Every variable that a service reads, with its default; docs/configuration.md explains them. */
export const environment = z.object({
  PORT: port.optional(),
  OPS_PORT: port.optional(),
  HOST: text.default('0.0.0.0'),
  REPLICA_ID: text
    .refine(
      (value) => /^[A-Za-z0-9._-]{1,128}$/.test(value),
      'must be 1 to 128 of A-Z a-z 0-9 . _ -',
    )
    .optional(),
  DATABASE_URL: address('postgres', 'postgresql').optional(),
  DATABASE_POOL_MAX: whole(1, 500).default(8),
  MIGRATE: z.enum(['on', 'off'], { error: 'must be on or off' }).default('on'),
  NATS_URL: servers.optional(),
  NATS_CREDS: text.optional(),
  NATS_NKEY: text.optional(),
  NATS_CA: text.optional(),
  LOG_LEVEL: z.enum(logLevels, { error: `must be one of ${logLevels.join(', ')}` }).default('info'),
  LOG_FILE: text.optional(),
  TELEMETRY: z.enum(['on', 'off'], { error: 'must be on or off' }).default('on'),
  OTEL_EXPORTER_OTLP_ENDPOINT: http.optional(),
  TRACE_SAMPLE_RATIO: decimal(0, 1).default(0.05),
  ADMISSION_OUTBOX_ROWS: whole(1, 100_000_000).default(500_000),
  ADMISSION_OUTBOX_AGE_MS: durationMs.default(15 * 60_000),
  ADMISSION_QUEUE: whole(1, 1_000_000).default(2_000),
  BODY_MAX_BYTES: whole(1_024, 1_048_576).default(65_536),
  HOT_LANE_ALLOWED: flag.default('false'),
  DRAIN_SECONDS: decimal(0.1, 600).default(25),
  GRACE_SECONDS: decimal(0.1, 900).default(40),
  RESERVE_DEADLINE_MS: durationMs.default(2 * 60_000),
  PAY_DEADLINE_MS: durationMs.default(5 * 60_000),
  HOLD_MS: durationMs.default(30 * 60_000),
  HOLD_UNKNOWN_MS: durationMs.default(25 * hourMs),
  RECONCILE_MS: durationMs.default(24 * hourMs),
  PROVIDER_TIMEOUT_MS: durationMs.default(8_000),
  EFFECT_LEASE_MS: durationMs.default(30_000),
  LOOKUP_BASE_MS: durationMs.default(5_000),
  LOOKUP_MAX_MS: durationMs.default(hourMs),
  ACK_WAIT_MS: durationMs.default(30_000),
  RETRY_BASE_MS: durationMs.default(1_000),
  RETRY_MAX_MS: durationMs.default(60_000),
  BREAKER_OPEN_MS: durationMs.default(30_000),
  BREAKER_OPEN_MAX_MS: durationMs.default(5 * 60_000),
  IDEMPOTENCY_HOURS: decimal(0, 10_000).default(24),
  INBOX_DAYS: decimal(0, 3_650).default(30),
  EVENTS_DAYS: decimal(0, 36_500).default(14),
  STREAM_DAYS: decimal(0, 3_650).default(14),
  REPLAY_DAYS: decimal(0, 3_650).default(14),
  DATA_DIR: text.default('.'),
  WINDLASS_VERSION: text.default('development'),
});
type Variables = z.output<typeof environment>;

export type Config = ReturnType<typeof loadConfig>;
export type Timing = Config['timing'];

/**
 * Reads the whole configuration of a service from the environment, once, at start. An empty
 * variable counts as absent. Throws an Error of one sentence that names the variable and never
 * shows its value.
 */
export function loadConfig(
  service: ServiceDefinition,
  env: Readonly<Record<string, string | undefined>> = process.env,
) {
  const given = present(env);
  const variables = readVariables(service.name, environment, given);
  requireConnections(service, variables);
  const ownPort = variables.PORT ?? service.port;
  const opsPort = variables.OPS_PORT ?? (ownPort === 0 ? 0 : ownPort + 1_000);
  const timing = timingOf(variables);
  checkConsistency(service.name, variables, opsPort);
  return {
    service: service.name,
    /** Named in the first log line and in dead letters. */
    version: variables.WINDLASS_VERSION,
    replica: replicaOf(variables),
    /** Where a process without a database keeps its files. It must exist. */
    dataDir: variables.DATA_DIR,
    http: {
      host: variables.HOST,
      port: ownPort,
      opsPort,
      bodyMaxBytes: variables.BODY_MAX_BYTES,
    },
    /** Present exactly when the service owns a database. */
    database: service.database ? databaseOf(variables) : undefined,
    /** Present exactly when the service consumes or publishes events. */
    nats: usesNats(service)
      ? {
          servers: variables.NATS_URL ?? [],
          credsFile: variables.NATS_CREDS,
          nkeyFile: variables.NATS_NKEY,
          caFile: variables.NATS_CA,
        }
      : undefined,
    /** Base URL of each service that this one calls, by the service's name. */
    calls: callsOf(service, given),
    telemetry: {
      ...logOf(variables),
      /** Base URL of an OTLP/HTTP collector; absent: no span is exported. */
      otlpEndpoint: variables.OTEL_EXPORTER_OTLP_ENDPOINT,
      sampleRatio: variables.TRACE_SAMPLE_RATIO,
    },
    /** Above any of these, new commands are refused with 503. */
    admission: {
      outboxRows: variables.ADMISSION_OUTBOX_ROWS,
      outboxAgeMs: variables.ADMISSION_OUTBOX_AGE_MS,
      queue: variables.ADMISSION_QUEUE,
    },
    /** Whether callers may choose the hot lane; stands in for a permission of the principal. */
    hotLaneAllowed: variables.HOT_LANE_ALLOWED === 'true',
    timing,
  };
}

/**
 * What `migrate` needs: the database and the log, and no other connection, so that the step before
 * a service starts is given no more. Throws as `loadConfig` does.
 */
export function loadMigrationConfig(
  service: ServiceDefinition,
  env: Readonly<Record<string, string | undefined>> = process.env,
) {
  const variables = readVariables(service.name, environment, env);
  requireDatabase(service, variables);
  return {
    replica: replicaOf(variables),
    database: databaseOf(variables),
    log: logOf(variables),
  };
}

function databaseOf(variables: Variables) {
  return {
    url: variables.DATABASE_URL ?? '',
    poolMax: variables.DATABASE_POOL_MAX,
    /** False: the schema is somebody else's work, and the service waits for it. */
    migrates: variables.MIGRATE === 'on',
  };
}

function logOf(variables: Variables) {
  return {
    enabled: variables.TELEMETRY === 'on',
    logLevel: variables.LOG_LEVEL,
    logFile: variables.LOG_FILE,
  };
}

function replicaOf(variables: Variables): string {
  return variables.REPLICA_ID ?? `${hostname()}-${process.pid}-${randomBytes(3).toString('hex')}`;
}

/**
 * Reads the variables that one deployable has besides those of every service. Empty ones count as
 * absent; throws as `loadConfig` does.
 */
export function readVariables<Schema extends z.ZodObject>(
  service: string,
  schema: Schema,
  env: Readonly<Record<string, string | undefined>> = process.env,
): z.output<Schema> {
  const parsed = schema.safeParse(present(env));
  if (!parsed.success) throw asSentence(service, parsed.error);
  return parsed.data;
}

function present(env: Readonly<Record<string, string | undefined>>) {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
}

function timingOf(variables: Variables) {
  return {
    drainMs: variables.DRAIN_SECONDS * 1_000,
    reserveDeadlineMs: variables.RESERVE_DEADLINE_MS,
    payDeadlineMs: variables.PAY_DEADLINE_MS,
    holdMs: variables.HOLD_MS,
    holdUnknownMs: variables.HOLD_UNKNOWN_MS,
    reconcileMs: variables.RECONCILE_MS,
    providerTimeoutMs: variables.PROVIDER_TIMEOUT_MS,
    effectLeaseMs: variables.EFFECT_LEASE_MS,
    lookupBaseMs: variables.LOOKUP_BASE_MS,
    lookupMaxMs: variables.LOOKUP_MAX_MS,
    ackWaitMs: variables.ACK_WAIT_MS,
    /** Two of these may be lost before the server delivers a held message again. */
    workingMs: Math.max(1, Math.floor(variables.ACK_WAIT_MS / 3)),
    retryBaseMs: variables.RETRY_BASE_MS,
    retryMaxMs: variables.RETRY_MAX_MS,
    breakerOpenMs: variables.BREAKER_OPEN_MS,
    breakerOpenMaxMs: variables.BREAKER_OPEN_MAX_MS,
    idempotencyMs: variables.IDEMPOTENCY_HOURS * hourMs,
    inboxMs: variables.INBOX_DAYS * dayMs,
    eventsMs: variables.EVENTS_DAYS * dayMs,
  };
}

function usesNats(service: ServiceDefinition): boolean {
  return service.consumes.length + service.publishes.length > 0;
}

function requireDatabase(service: ServiceDefinition, variables: Variables): void {
  if (service.database && variables.DATABASE_URL === undefined) {
    throw new Error(`${service.name}: DATABASE_URL must be set.`);
  }
}

function requireConnections(service: ServiceDefinition, variables: Variables): void {
  requireDatabase(service, variables);
  if (usesNats(service) && variables.NATS_URL === undefined) {
    throw new Error(`${service.name}: NATS_URL must be set.`);
  }
}

/** Begins the variables that are about one service: `CARD_PROVIDER_URL` is of `card-provider`. */
export function variablePrefix(service: string): string {
  return service.toUpperCase().replaceAll('-', '_');
}

function callsOf(service: ServiceDefinition, env: Readonly<Record<string, string | undefined>>) {
  const calls: Record<string, string> = {};
  for (const callee of service.calls) {
    const variable = `${variablePrefix(callee)}_URL`;
    const parsed = z.object({ [variable]: http }).safeParse(env);
    if (!parsed.success) throw asSentence(service.name, parsed.error);
    calls[callee] = parsed.data[variable] ?? '';
  }
  return calls;
}

/**
 * The first of each pair must be less than the second: otherwise a limit strikes while what it
 * limits may still succeed.
 */
const ascending = [
  ['PROVIDER_TIMEOUT_MS', 'ACK_WAIT_MS'],
  ['PROVIDER_TIMEOUT_MS', 'EFFECT_LEASE_MS'],
  ['PROVIDER_TIMEOUT_MS', 'PAY_DEADLINE_MS'],
  ['PAY_DEADLINE_MS', 'HOLD_MS'],
  ['HOLD_MS', 'HOLD_UNKNOWN_MS'],
  ['RECONCILE_MS', 'HOLD_UNKNOWN_MS'],
  ['DRAIN_SECONDS', 'GRACE_SECONDS'],
] as const;
const notDescending = [
  ['LOOKUP_BASE_MS', 'LOOKUP_MAX_MS'],
  ['RETRY_BASE_MS', 'RETRY_MAX_MS'],
  ['BREAKER_OPEN_MS', 'BREAKER_OPEN_MAX_MS'],
  ['STREAM_DAYS', 'EVENTS_DAYS'],
] as const;

function checkConsistency(service: string, v: Variables, opsPort: number): void {
  for (const [small, great] of ascending) {
    if (v[small] >= v[great]) throw new Error(`${service}: ${small} must be less than ${great}.`);
  }
  for (const [small, great] of notDescending) {
    if (v[small] > v[great]) throw new Error(`${service}: ${small} must not exceed ${great}.`);
  }
  if (v.INBOX_DAYS < v.STREAM_DAYS + v.REPLAY_DAYS) {
    throw new Error(`${service}: INBOX_DAYS must be at least STREAM_DAYS plus REPLAY_DAYS.`);
  }
  if (opsPort > 65_535) throw new Error(`${service}: OPS_PORT must be set, PORT is too high.`);
}

function asSentence(service: string, error: z.ZodError): Error {
  const issue = error.issues[0];
  return new Error(`${service}: ${String(issue?.path[0])} ${issue?.message ?? 'is wrong'}.`);
}
