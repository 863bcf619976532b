import type { Broker, NatsConnection, Subscription } from './connection.ts';

/** Ids in one message; the rest goes into further ones. */
const idsPerMessage = 200;

/**
 * Tells the other replicas of a service that aggregates have news: core NATS, fire and forget.
 * Losing one costs the time until the next sweep and nothing else.
 */
export class Wake {
  private readonly broker: Broker;
  private readonly subject: string;
  private readonly listeners = new Set<(aggregateIds: readonly string[]) => void>();
  private subscription: Subscription | undefined;
  private subscribedTo: NatsConnection | undefined;
  private readonly unlisten: () => void;

  constructor(broker: Broker, service: string, topic: string) {
    this.broker = broker;
    this.subject = `windlass.wake.${service}.${topic}`;
    this.unlisten = broker.onChange((connected) => {
      if (connected) this.subscribe();
    });
    this.subscribe();
  }

  onWake(listener: (aggregateIds: readonly string[]) => void): void {
    this.listeners.add(listener);
  }

  send(aggregateIds: readonly string[]): void {
    const connection = this.broker.current;
    if (connection === undefined) return;
    for (let index = 0; index < aggregateIds.length; index += idsPerMessage) {
      const page = aggregateIds.slice(index, index + idsPerMessage);
      connection.publish(this.subject, Buffer.from(page.join(' ')));
    }
  }

  close(): void {
    this.unlisten();
    this.subscription?.unsubscribe();
  }

  private subscribe(): void {
    const connection = this.broker.current;
    if (connection === undefined || connection === this.subscribedTo) return;
    this.subscribedTo = connection;
    this.subscription = connection.subscribe(this.subject, {
      callback: (error, message) => {
        if (error !== null) return;
        const aggregateIds = Buffer.from(message.data).toString().split(' ');
        for (const listener of this.listeners) listener(aggregateIds);
      },
    });
  }
}
