import type { ServiceDefinition } from '@windlass/contracts/service.ts';
import { loadMigrationConfig } from './config.ts';
import { classify } from './failure/database-errors.ts';
import { errorText } from './failure/error-text.ts';
import { fullJitter, pause } from './failure/retry.ts';
import { type Migration, migrate, missingMigrations } from './store/migrations.ts';
import { Database } from './store/pool.ts';
import { runtimeMigrations } from './store/schema.ts';
import { createLogger, type Logger, withoutPasswords } from './telemetry/log.ts';

const retryBaseMs = 100;
const retryMaxMs = 10_000;
/** How long `migrate` waits for a database that is away. Whoever runs it may run it again. */
const databaseWaitMs = 5 * 60_000;

type Says = Pick<Logger, 'info' | 'warn'>;

export interface Schema {
  readonly database: Database;
  /** The service's own; those of the runtime come before. */
  readonly migrations: readonly Migration[];
  /** Whether this process applies them. Otherwise it waits until somebody has. */
  readonly migrates: boolean;
  readonly logger: Says;
}

/**
 * Resolves when the schema is there, or the signal is aborted. A database that is away, or that
 * somebody else still has to migrate, is waited for. A refused migration is thrown.
 */
export async function schemaReady(schema: Schema, signal: AbortSignal): Promise<void> {
  const migrations = [...runtimeMigrations, ...schema.migrations];
  for (let attempt = 0; !signal.aborted; attempt++) {
    try {
      const missing = schema.migrates
        ? await applied(schema, migrations)
        : await missingMigrations(schema.database, migrations);
      if (missing.length === 0) return;
      schema.logger.warn({ migrations: missing }, 'the schema is not there yet, waiting for it');
    } catch (error) {
      if (classify(error) === undefined || classify(error) === 'refused') throw error;
      schema.logger.warn({ err: error }, 'cannot reach the database, trying again');
    }
    await pause(50 + fullJitter(attempt, retryBaseMs, retryMaxMs), signal);
  }
}

/** Afterwards none is missing. */
async function applied(schema: Schema, migrations: readonly Migration[]): Promise<[]> {
  const done = await migrate(schema.database, migrations);
  if (done.length > 0) schema.logger.info({ migrations: done }, 'migrated the database');
  return [];
}

/**
 * What `main.mjs migrate` does: applies the migrations of a service and of the runtime. Resolves
 * when the schema is up to date; throws one sentence when it cannot be, or when the database was
 * away, or migrated by somebody else, for `waitMs`.
 */
export async function migrateService(
  service: ServiceDefinition,
  migrations: readonly Migration[],
  env?: Readonly<Record<string, string | undefined>>,
  waitMs = databaseWaitMs,
): Promise<void> {
  const { replica, database: settings, log } = loadMigrationConfig(service, env);
  const logger = createLogger({
    service: service.name,
    replica,
    level: log.logLevel,
    file: log.logFile,
    enabled: log.enabled,
  });
  const late = AbortSignal.timeout(waitMs);
  const database = new Database({ url: settings.url, max: 1, name: service.name, logger });
  try {
    await schemaReady({ database, migrations, migrates: true, logger }, late);
  } catch (error) {
    throw new Error(`${service.name}: the database refused: ${reasonOf(error)}.`, { cause: error });
  } finally {
    await database.close();
    await new Promise<void>((done) => logger.flush(() => done()));
  }
  if (late.aborted) {
    throw new Error(
      `${service.name}: the database could not be migrated in ${waitMs / 1_000} seconds.`,
    );
  }
}

/** On one line, without its full stop. */
function reasonOf(error: unknown): string {
  const message = errorText(error);
  return withoutPasswords(message).replace(/\s+/g, ' ').replace(/\.$/, '');
}
