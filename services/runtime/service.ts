import type { EventDefinition } from '@windlass/contracts/event.ts';
import { Broker } from './broker/connection.ts';
import { type Config, loadConfig } from './config.ts';
import { classify, isUnavailable } from './failure/database-errors.ts';
import { fullJitter, pause } from './failure/retry.ts';
import { ApiServer } from './http/server.ts';
import type { Telemetry } from './observer.ts';
import { OpsBoard } from './ops-board.ts';
import type { AnyDefinition, ServiceFactory } from './parts.ts';
import { ServiceProcess } from './process.ts';
import { type Migration, migrate } from './store/migrations.ts';
import { Database } from './store/pool.ts';
import { runtimeMigrations } from './store/schema.ts';
import { createLogger } from './telemetry/log.ts';
import { createMetrics } from './telemetry/metrics.ts';
import { Tracing } from './telemetry/trace.ts';

const bootRetryBaseMs = 100;
const bootRetryMaxMs = 10_000;

/**
 * Runs a service until SIGTERM or SIGINT, then drains it and exits with 0. Bad configuration
 * ends it with 1 and one sentence. NATS or PostgreSQL being away does not: it waits for them.
 *
 * The ops port listens first, so that whoever watches the process sees why it is not ready.
 */
export async function runService<Consumes extends readonly EventDefinition[], World, Change>(
  definition: AnyDefinition<Consumes>,
  factory: ServiceFactory<Consumes, World, Change>,
  openapi: unknown,
): Promise<void> {
  const config = configOrExit(definition);
  const telemetry = telemetryOf(config);
  const { logger } = telemetry;
  const stopping = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      logger.info({ signal }, 'stopping');
      stopping.abort();
    });
  }
  const database = new Database({
    url: config.database?.url ?? '',
    max: config.database?.poolMax ?? 1,
    name: definition.name,
    logger,
  });
  const broker = new Broker({
    servers: config.nats?.servers ?? [],
    ...(config.nats?.credsFile === undefined ? {} : { credsFile: config.nats.credsFile }),
    ...(config.nats?.nkeyFile === undefined ? {} : { nkeyFile: config.nats.nkeyFile }),
    ...(config.nats?.caFile === undefined ? {} : { tls: { caFile: config.nats.caFile } }),
    name: definition.name,
    logger,
  });
  const board = new OpsBoard({ definition, config, telemetry, database, broker });
  await board.listen();
  broker.start();
  const service = new ServiceProcess({
    definition,
    config,
    telemetry,
    database,
    broker,
    factory,
    settled: (latencyMs) => board.guard.settled(latencyMs),
  });
  board.watch(service);
  const migrations = [...runtimeMigrations, ...service.parts.migrations];
  await bootUntilReady(database, migrations, logger, stopping.signal);
  const api = new ApiServer({
    routes: service.parts.routes,
    openapi: JSON.stringify(openapi),
    ...telemetry,
    bodyMaxBytes: config.http.bodyMaxBytes,
    admit: () => board.admit(),
    isUnavailable,
  });
  if (!stopping.signal.aborted) {
    await service.start();
    const port = await api.listen(config.http.port, config.http.host);
    board.started();
    logger.info({ port, opsPort: board.port, version: config.version }, 'started');
  }
  await aborted(stopping.signal);
  board.draining();
  await drain(service, api, config);
  await Promise.all([broker.close(), database.close().catch(() => undefined)]);
  await Promise.all([board.close(), telemetry.tracing.shutdown()]);
  logger.info('stopped');
  logger.flush(() => process.exit(0));
}

function configOrExit(definition: AnyDefinition<readonly EventDefinition[]>): Config {
  try {
    return loadConfig(definition);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  }
}

function telemetryOf(config: Config): Telemetry {
  const { service, replica, telemetry } = config;
  const { enabled } = telemetry;
  return {
    logger: createLogger({
      service,
      replica,
      level: telemetry.logLevel,
      file: telemetry.logFile,
      enabled,
    }),
    metrics: createMetrics({ service, enabled }),
    tracing: new Tracing({
      service,
      replica,
      sampleRatio: telemetry.sampleRatio,
      endpoint: telemetry.otlpEndpoint,
      enabled,
    }),
  };
}

/** Migrates as soon as the database can be reached. A refused migration is thrown. */
async function bootUntilReady(
  database: Database,
  migrations: readonly Migration[],
  logger: Telemetry['logger'],
  signal: AbortSignal,
): Promise<void> {
  for (let attempt = 0; !signal.aborted; attempt++) {
    try {
      const applied = await migrate(database, migrations);
      if (applied.length > 0) logger.info({ migrations: applied }, 'migrated the database');
      return;
    } catch (error) {
      if (classify(error) === undefined || classify(error) === 'refused') throw error;
      logger.warn({ err: error }, 'cannot reach the database, trying again');
      await pause(50 + fullJitter(attempt, bootRetryBaseMs, bootRetryMaxMs), signal);
    }
  }
}

/** Answers what is in flight and finishes what has begun, inside the drain time. */
async function drain<Consumes extends readonly EventDefinition[], World, Change>(
  service: ServiceProcess<Consumes, World, Change>,
  api: ApiServer,
  config: Config,
): Promise<void> {
  const { drainMs } = config.timing;
  const overdue = setTimeout(() => process.exit(1), drainMs);
  overdue.unref();
  service.releaseWaiters();
  await api.close(drainMs / 2);
  await service.drain(drainMs / 4);
  clearTimeout(overdue);
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
