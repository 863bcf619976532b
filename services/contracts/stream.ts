import type { EventDefinition } from './event.ts';

/**
 * The JetStream stream of one bounded context. It holds the context's events and no others;
 * retention, replicas and size come from the environment, the rest is the same everywhere.
 */
export interface StreamDefinition<
  Events extends readonly EventDefinition[] = readonly EventDefinition[],
> {
  /** Upper case of the context: `ORDERS` holds `orders.*`. */
  readonly name: string;
  readonly events: Events;
}

/** Throws at load when an event belongs to another context or stands twice. */
export function defineStream<const Events extends readonly EventDefinition[]>(
  definition: StreamDefinition<Events>,
): StreamDefinition<Events> {
  const seen = new Set<string>();
  for (const event of definition.events) {
    const context = event.type.slice(0, event.type.indexOf('.'));
    if (context.toUpperCase() !== definition.name) {
      throw new Error(`stream ${definition.name} cannot hold ${event.type}`);
    }
    const versioned = `${event.type}.v${event.version}`;
    if (seen.has(versioned)) throw new Error(`stream ${definition.name}: ${versioned} twice`);
    seen.add(versioned);
  }
  return Object.freeze(definition);
}
