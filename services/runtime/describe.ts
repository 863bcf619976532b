import type { EventDefinition } from '@windlass/contracts/event.ts';
import { loadConfig, variablePrefix } from './config.ts';
import { openApiOf } from './http/openapi.ts';
import { Waiters } from './http/waiters.ts';
import type { AnyDefinition, ServiceFactory, ServiceParts } from './parts.ts';
import { createLogger } from './telemetry/log.ts';

/** Enough configuration to make a service's parts; nothing at these addresses is reached. */
function nowhere(definition: AnyDefinition<readonly EventDefinition[]>) {
  const calls = definition.calls.map((name) => [
    `${variablePrefix(name)}_URL`,
    'http://localhost:1',
  ]);
  return loadConfig(definition, {
    DATABASE_URL: 'postgres://localhost:1/none',
    NATS_URL: 'localhost:1',
    ...Object.fromEntries(calls),
  });
}

const refuse = async (): Promise<never> => {
  throw new Error('this service is only described, it does not run');
};

/** The OpenAPI document of a service, made from its routes without running it. */
export function describeApi<Consumes extends readonly EventDefinition[], World, Change>(
  definition: AnyDefinition<Consumes>,
  factory: ServiceFactory<Consumes, World, Change>,
): string {
  const { routes } = describedParts(definition, factory);
  const title = `windlass ${definition.name}`;
  const description = `The HTTP API of the ${definition.name} service.`;
  return openApiOf({ title, version: '1', description }, routes);
}

/** The parts of a service, to be read and not run: they reach nothing. */
export function describedParts<Consumes extends readonly EventDefinition[], World, Change>(
  definition: AnyDefinition<Consumes>,
  factory: ServiceFactory<Consumes, World, Change>,
): ServiceParts<Consumes, World, Change> {
  return factory({
    config: nowhere(definition),
    logger: createLogger({ service: definition.name, replica: 'none', level: 'silent' }),
    now: Date.now,
    newId: () => '',
    newCause: () => ({ correlationId: '', traceparent: '' }),
    query: refuse,
    execute: refuse,
    acceptor: () => refuse,
    waiters: (options) => new Waiters(options),
  });
}
