import type { EventDefinition } from '@windlass/contracts/event.ts';
import { lanes, type ServiceDefinition } from '@windlass/contracts/service.ts';
import type { StreamDefinition } from '@windlass/contracts/stream.ts';
import { z } from 'zod';

export type Json = Readonly<Record<string, unknown>>;

/** `orders.created.v1`: names an event version in file names and documents. */
export function versioned(event: EventDefinition): string {
  return `${event.type}.v${event.version}`;
}

/** JSON Schema (2020-12) of an event version's data, as consumers may rely on it. */
export function jsonSchema(event: EventDefinition): Json {
  const { $schema, ...schema } = z.toJSONSchema(event.data, { io: 'input' });
  return { $schema, title: versioned(event), ...schema };
}

const headerNames = {
  'ce-specversion': 'CloudEvents version, 1.0.',
  'ce-id': 'Unique in its source; the same for every copy of the event.',
  'ce-logicalid': 'Equal for the versions of one event while two are published.',
  'ce-source': 'The bounded context.',
  'ce-type': 'Type and version.',
  'ce-subject': 'Id of the aggregate.',
  'ce-partitionkey': 'Id of the aggregate: its events keep their order.',
  'ce-sequence': 'Place in the aggregate from 1, zero-padded to ten digits.',
  'ce-time': 'When it was recorded, RFC 3339.',
  'ce-correlationid': 'Ties together everything that one request led to.',
  'ce-causationid': 'Id of the event that caused this one; absent after a command.',
  'ce-datacontenttype': 'application/json.',
  traceparent: 'W3C trace context.',
} as const;

function headersSchema(): Json {
  const properties = Object.fromEntries(
    Object.entries(headerNames).map(([name, description]) => [
      name,
      { type: 'string', description },
    ]),
  );
  const optional = 'ce-causationid';
  const required = Object.keys(headerNames).filter((name) => name !== optional);
  return { type: 'object', properties, required };
}

function channels(streams: readonly StreamDefinition[]): Json {
  const entries = streams.flatMap((stream) =>
    stream.events.map((event) => [
      versioned(event),
      {
        address: `${versioned(event)}.{lane}.{partition}`,
        description: `Stored in the stream ${stream.name}.`,
        parameters: {
          lane: { enum: [...lanes], description: 'The priority lane of the aggregate.' },
          partition: { description: 'Two digits, 00 to 15: a hash of the aggregate id.' },
        },
        messages: { event: { $ref: `#/components/messages/${versioned(event)}` } },
      },
    ]),
  );
  return Object.fromEntries(entries);
}

function operations(services: readonly ServiceDefinition[]): Json {
  const operation = (action: 'send' | 'receive', service: string, event: EventDefinition) => [
    `${service}-${action}-${versioned(event)}`,
    {
      action,
      channel: { $ref: `#/channels/${versioned(event)}` },
      messages: [{ $ref: `#/channels/${versioned(event)}/messages/event` }],
      tags: [{ name: service }],
    },
  ];
  return Object.fromEntries(
    services.flatMap(({ name, publishes, consumes }) => [
      ...publishes.map((event) => operation('send', name, event)),
      ...consumes.map((event) => operation('receive', name, event)),
    ]),
  );
}

/** The AsyncAPI 3 document of every stream and of who publishes and consumes what. */
export function asyncApi(
  streams: readonly StreamDefinition[],
  services: readonly ServiceDefinition[],
): Json {
  const messages = streams.flatMap((stream) =>
    stream.events.map((event) => [
      versioned(event),
      {
        name: `windlass.${versioned(event)}`,
        contentType: 'application/json',
        headers: { $ref: '#/components/schemas/Headers' },
        payload: { $ref: `./${versioned(event)}.schema.json` },
      },
    ]),
  );
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'windlass events',
      version: '1',
      description: 'CloudEvents 1.0 in binary mode over NATS JetStream, delivered at least once.',
    },
    defaultContentType: 'application/json',
    servers: { nats: { host: 'localhost:4222', protocol: 'nats' } },
    channels: channels(streams),
    operations: operations(services),
    components: {
      messages: Object.fromEntries(messages),
      schemas: { Headers: headersSchema() },
    },
  };
}
