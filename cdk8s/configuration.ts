import { createHash } from 'node:crypto';
import type { ServiceDefinition } from '@windlass/contracts/service.ts';
import { v8Flags } from '@windlass/local/processes.ts';
import { children, ports as natsPorts } from '@windlass/operator/nats-cluster/names.ts';
import { fields } from '@windlass/operator/nats-user/user-secret.ts';
import { variablePrefix } from '@windlass/runtime/config.ts';
import type { Environment } from './environments.ts';
import { cluster, namespaces, versionOf } from './naming.ts';
import { metricsReaderName } from './operator-rules.ts';
import { postgresPort } from './traffic.ts';

/** Where the Secret of a service's NATS user is mounted. */
export const natsFolder = '/run/nats';
/** Where a service without a database keeps its files. */
export const dataFolder = '/data';

export type Variables = Readonly<Record<string, string>>;

/** All variables of a service that are no secret, sorted by name. */
export function variablesOf(
  service: ServiceDefinition,
  services: readonly ServiceDefinition[],
  environment: Environment,
): Variables {
  const { shutdown, streams } = environment;
  const variables: Record<string, string> = {
    NODE_ENV: 'production',
    NODE_OPTIONS: v8Flags(memoryMiBOf(service, environment)).join(' '),
    WINDLASS_VERSION: versionOf(environment),
    DRAIN_SECONDS: `${shutdown.drainSeconds}`,
    GRACE_SECONDS: `${shutdown.graceSeconds}`,
    STREAM_DAYS: `${streams.maxAgeDays}`,
    ...natsVariables(service),
    ...databaseVariables(service, environment),
    ...callVariables(service, services, environment),
    ...(service.role === 'double' ? { DATA_DIR: dataFolder } : {}),
    ...(service.role === 'operator'
      ? { WATCH_NAMESPACE: namespaces.platform, EXTERNAL_METRICS_OWNER: metricsReaderName }
      : {}),
    ...environment.variables,
  };
  return Object.fromEntries(Object.entries(variables).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The limit of a process. One that is started from its sources needs room for a compiler. */
export function memoryMiBOf({ resources }: ServiceDefinition, { hotReload }: Environment): number {
  return hotReload ? resources.memoryMiB * 2 : resources.memoryMiB;
}

export function usesNats({ consumes, publishes }: ServiceDefinition): boolean {
  return consumes.length + publishes.length > 0;
}

/** Pods are made anew when it changes: nothing else tells a process of another environment. */
export function checksumOf(variables: Variables): string {
  return createHash('sha256').update(JSON.stringify(variables)).digest('hex').slice(0, 16);
}

/** Key and authorities are files, which are read again at each connection. */
function natsVariables(service: ServiceDefinition): Variables {
  if (!usesNats(service)) return {};
  const host = `${children(cluster.name).clientService}.${cluster.namespace}.svc`;
  return {
    NATS_URL: `nats://${host}:${natsPorts.client}`,
    NATS_NKEY: `${natsFolder}/${fields.seed}`,
    NATS_CA: `${natsFolder}/${fields.ca}`,
  };
}

/** The one of development asks for no password: only services reach it. */
function databaseVariables(
  { name, database }: ServiceDefinition,
  environment: Environment,
): Variables {
  if (!database) return {};
  // A step before the process migrates.
  if (environment.database.kind !== 'bundled') return { MIGRATE: 'off' };
  const url = `postgres://postgres@postgres.${namespaces.platform}.svc:${postgresPort}/${name}`;
  return { DATABASE_URL: url, MIGRATE: 'off' };
}

function callVariables(
  { calls }: ServiceDefinition,
  services: readonly ServiceDefinition[],
  { provider }: Environment,
): Variables {
  return Object.fromEntries(
    services
      .filter(({ name }) => calls.includes(name))
      .map(({ name, role, port }) => [
        `${variablePrefix(name)}_URL`,
        role === 'double' && provider.kind === 'external'
          ? provider.url
          : `http://${name}.${namespaces.platform}.svc:${port}`,
      ]),
  );
}
