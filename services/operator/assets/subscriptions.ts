import type { NatsConnection, Subscription } from '@windlass/runtime/broker/connection.ts';

export interface Message {
  readonly subject: string;
  readonly text: () => string;
}

interface Entry {
  readonly subject: string;
  readonly listener: (message: Message) => void;
  made: Subscription | undefined;
}

/** Subscriptions that outlive the connection on which they were made. */
export class Subscriptions {
  private readonly entries = new Set<Entry>();
  private connection: NatsConnection | undefined;

  /** Returns how to end it. */
  add(subject: string, listener: (message: Message) => void): () => void {
    const entry: Entry = { subject, listener, made: undefined };
    this.entries.add(entry);
    this.make(entry);
    return () => {
      this.entries.delete(entry);
      if (this.connection?.isClosed() === false) entry.made?.unsubscribe();
    };
  }

  /** From now on on this connection; on none while it is undefined. */
  bind(connection: NatsConnection | undefined): void {
    if (connection === this.connection) return;
    this.connection = connection;
    for (const entry of this.entries) this.make(entry);
  }

  private make(entry: Entry): void {
    const { connection } = this;
    entry.made = undefined;
    if (connection === undefined || connection.isClosed()) return;
    entry.made = connection.subscribe(entry.subject, {
      callback: (error, message) => {
        if (error !== null) return;
        entry.listener({ subject: message.subject, text: () => message.string() });
      },
    });
  }
}
