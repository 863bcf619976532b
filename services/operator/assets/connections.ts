import { Broker } from '@windlass/runtime/broker/connection.ts';
import type { Logger } from '@windlass/runtime/telemetry/log.ts';
import { ReconcileError } from '../control/kind.ts';
import { connectionKeyOf, type Endpoint } from './endpoint.ts';
import { Expected } from './expected.ts';
import { type Call, JetStream, type Link } from './jet-stream.ts';
import { Subscriptions } from './subscriptions.ts';

const connectionsLimit = 256;
/** Longer than the resync of all objects: what an object uses stays. */
const idleMs = 12 * 60_000;
const connectTimeoutMs = 3_000;

export interface ConnectionsOptions {
  readonly logger: Pick<Logger, 'info' | 'warn'>;
  /** What the servers' connection lists call the operator. */
  readonly name?: string;
  readonly onCall?: (call: Call) => void;
  readonly limit?: number;
}

interface Slot {
  readonly broker: Broker;
  readonly link: Link;
  endpoint: Endpoint;
  usedAt: number;
}

/** The operator's connections to NATS: one for each endpoint, made when it is first asked for. */
export class Connections {
  private readonly options: ConnectionsOptions;
  private readonly slots = new Map<string, Slot>();
  private readonly openedListeners = new Set<(jetStream: JetStream) => void>();
  private isClosed = false;

  constructor(options: ConnectionsOptions) {
    this.options = options;
  }

  get size(): number {
    return this.slots.size;
  }

  /** Returns at once; the first request waits for the connection. */
  open(endpoint: Endpoint): JetStream {
    if (this.isClosed) throw new ReconcileError('Stopping', 'The operator is about to stop.');
    const key = connectionKeyOf(endpoint);
    const known = this.slots.get(key);
    if (known !== undefined) {
      known.endpoint = endpoint;
      known.link.targets.add(endpoint.target);
      return new JetStream(known.link, endpoint);
    }
    this.closeIdle();
    if (this.slots.size >= (this.options.limit ?? connectionsLimit)) {
      const text = `More than ${this.slots.size} connections to NATS are in use.`;
      throw new ReconcileError('TooManyConnections', text);
    }
    const slot = this.newSlot(endpoint);
    this.slots.set(key, slot);
    slot.broker.start();
    const jetStream = new JetStream(slot.link, endpoint);
    for (const listener of this.openedListeners) listener(jetStream);
    return jetStream;
  }

  /** Called for each new connection. Returns how to end it. */
  onOpened(listener: (jetStream: JetStream) => void): () => void {
    this.openedListeners.add(listener);
    return () => this.openedListeners.delete(listener);
  }

  /** Closes what nothing has asked for since long. */
  closeIdle(nowMs = performance.now()): void {
    for (const [key, slot] of this.slots) {
      if (nowMs - slot.usedAt < idleMs) continue;
      this.slots.delete(key);
      void slot.broker.close();
    }
  }

  async close(): Promise<void> {
    this.isClosed = true;
    const slots = [...this.slots.values()];
    this.slots.clear();
    await Promise.all(slots.map(({ broker }) => broker.close()));
  }

  private newSlot(endpoint: Endpoint): Slot {
    const { logger, name = 'windlass-operator', onCall } = this.options;
    const broker = new Broker({
      name,
      logger,
      connectTimeoutMs,
      inboxPrefix: endpoint.inboxPrefix ?? '_INBOX',
      servers: () => serversOf(slot.endpoint),
      credentials: async () => slot.endpoint.credentials,
      ...(endpoint.tls === undefined ? {} : { tls: endpoint.tls }),
    });
    let isMissed = false;
    const link: Link = {
      broker,
      targets: new Set([endpoint.target]),
      expected: new Expected(),
      subscriptions: new Subscriptions(),
      onCall,
      touch: () => {
        slot.usedAt = performance.now();
      },
      reconnected: new Set(),
      miss: () => {
        isMissed = true;
      },
    };
    const slot: Slot = { broker, link, endpoint, usedAt: performance.now() };
    broker.onChange((isUp) => {
      link.subscriptions.bind(broker.current);
      if (isUp && isMissed) for (const listener of link.reconnected) listener();
      isMissed = !isUp;
    });
    return slot;
  }
}

/** Without any address the client would turn to this machine. */
function serversOf({ servers, currentServers }: Endpoint): readonly string[] {
  const current = currentServers?.() ?? [];
  return current.length === 0 ? servers : current;
}
