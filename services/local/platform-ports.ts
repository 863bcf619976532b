import { variablePrefix } from '@windlass/runtime/config.ts';
import type { Deployable } from './deployables.ts';
import { checkPorts, freePort, portFrom, type WantedPort } from './ports.ts';

const natsPort = 4_222;
const postgresPort = 5_432;
const opsOffset = 1_000;

/** One process of a service, before it is started. */
export interface Replica {
  /** The service's name, with a number when it has several replicas. */
  readonly name: string;
  readonly service: string;
  readonly bundle: string;
  readonly memoryMiB: number;
  readonly port: number;
  readonly opsPort: number;
}

export interface PlatformPorts {
  readonly nats: number;
  readonly postgres: number;
  readonly replicas: readonly Replica[];
  /** `<NAME>_URL` of the first replica of every service, for those that call it. */
  readonly urls: Readonly<Record<string, string>>;
}

/**
 * Gives every process its ports. With `declared` the first replica of a service has the port
 * of its definition, or of `<NAME>_PORT`, and a port that is taken throws one sentence before
 * anything is started; all others get free ones.
 */
export async function choosePorts(
  services: readonly Deployable[],
  replicas: Readonly<Record<string, number>>,
  mode: 'free' | 'declared',
  env: NodeJS.ProcessEnv = process.env,
): Promise<PlatformPorts> {
  const declared = mode === 'declared';
  const wanted: WantedPort[] = [];
  const choose = async (owner: string, variable: string, otherwise: number) => {
    if (!declared) return await freePort();
    const port = portFrom(env, variable, otherwise);
    wanted.push({ owner, port, variable });
    return port;
  };
  const nats = await choose('NATS', 'NATS_PORT', natsPort);
  const postgres = await choose('PostgreSQL', 'POSTGRES_PORT', postgresPort);
  const chosen: Replica[] = [];
  for (const { service, bundle } of services) {
    const count = replicas[service.name] ?? 1;
    for (let number = 1; number <= count; number++) {
      const name = count === 1 ? service.name : `${service.name}-${number}`;
      const variable = `${variablePrefix(service.name)}_PORT`;
      const port =
        number === 1 ? await choose(service.name, variable, service.port) : await freePort();
      const opsVariable = `${variablePrefix(service.name)}_OPS_PORT`;
      const opsPort =
        number === 1
          ? await choose(`${service.name} (health)`, opsVariable, port + opsOffset)
          : await freePort();
      const { memoryMiB } = service.resources;
      chosen.push({ name, service: service.name, bundle, memoryMiB, port, opsPort });
    }
  }
  await checkPorts(wanted);
  // Reversed: the first replica of a service is entered last and stays.
  const urls = chosen.toReversed().map(({ service, port }) => {
    return [`${variablePrefix(service)}_URL`, `http://127.0.0.1:${port}`];
  });
  return { nats, postgres, replicas: chosen, urls: Object.fromEntries(urls) };
}
