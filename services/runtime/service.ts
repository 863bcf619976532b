import type { EventDefinition } from '@windlass/contracts/event.ts';
import { Broker } from './broker/connection.ts';
import { type Config, loadConfig } from './config.ts';
import { describedParts } from './describe.ts';
import { isUnavailable } from './failure/database-errors.ts';
import { ApiServer } from './http/server.ts';
import { invocationOf, orExit } from './invocation.ts';
import { migrateService, schemaReady } from './migration-run.ts';
import type { Telemetry } from './observer.ts';
import { OpsBoard } from './ops-board.ts';
import type { AnyDefinition, ServiceFactory } from './parts.ts';
import { ServiceProcess } from './process.ts';
import { Database } from './store/pool.ts';
import { createLogger } from './telemetry/log.ts';
import { createMetrics } from './telemetry/metrics.ts';
import { Tracing } from './telemetry/trace.ts';

/**
 * Runs a service until SIGTERM or SIGINT, then drains it and exits with 0. Bad configuration
 * ends it with 1 and one sentence. NATS or PostgreSQL being away does not: it waits for them.
 * With the argument `migrate` it brings the schema up to date instead and exits.
 *
 * The ops port listens first, so that whoever watches the process sees why it is not ready.
 */
export async function runService<Consumes extends readonly EventDefinition[], World, Change>(
  definition: AnyDefinition<Consumes>,
  factory: ServiceFactory<Consumes, World, Change>,
  openapi: unknown,
): Promise<void> {
  const config = await orExit(async () => {
    if (invocationOf(definition) === 'run') return loadConfig(definition);
    await migrateService(definition, describedParts(definition, factory).migrations);
    process.exit(0);
  });
  const telemetry = telemetryOf(config);
  const { logger } = telemetry;
  const stopping = stoppedBySignal(logger);
  const database = new Database({
    url: config.database?.url ?? '',
    max: config.database?.poolMax ?? 1,
    name: definition.name,
    logger,
  });
  const broker = brokerOf(config, logger);
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
  const { migrations } = service.parts;
  const migrates = config.database?.migrates ?? false;
  await schemaReady({ database, migrations, migrates, logger }, stopping);
  const api = new ApiServer({
    routes: service.parts.routes,
    openapi: JSON.stringify(openapi),
    ...telemetry,
    bodyMaxBytes: config.http.bodyMaxBytes,
    admit: () => board.admit(),
    isUnavailable,
  });
  if (!stopping.aborted) {
    await service.start();
    const port = await api.listen(config.http.port, config.http.host);
    board.started();
    const startMs = Math.round(performance.now());
    logger.info({ port, opsPort: board.port, version: config.version, startMs }, 'started');
  }
  await aborted(stopping);
  board.draining();
  await drain(service, api, config);
  await Promise.all([broker.close(), database.close().catch(() => undefined)]);
  await Promise.all([board.close(), telemetry.tracing.shutdown()]);
  logger.info('stopped');
  logger.flush(() => process.exit(0));
}

function stoppedBySignal(logger: Telemetry['logger']): AbortSignal {
  const stopping = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      logger.info({ signal }, 'stopping');
      stopping.abort();
    });
  }
  return stopping.signal;
}

function brokerOf({ service, nats }: Config, logger: Telemetry['logger']): Broker {
  return new Broker({
    servers: nats?.servers ?? [],
    ...(nats?.credsFile === undefined ? {} : { credsFile: nats.credsFile }),
    ...(nats?.nkeyFile === undefined ? {} : { nkeyFile: nats.nkeyFile }),
    ...(nats?.caFile === undefined ? {} : { tls: { caFile: nats.caFile } }),
    name: service,
    logger,
  });
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
