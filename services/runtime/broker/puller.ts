import type { Msg } from 'nats';
import { pause } from '../failure/retry.ts';
import type { Broker, NatsConnection, Subscription } from './connection.ts';
import { type Delivery, deliveryOf } from './delivery.ts';

/** A pull request ends after this long on the server, answered or not. */
const expiresMs = 5_000;
const heartbeatMs = 1_000;
/** Silence that means that the server has forgotten the request: two heartbeats and a little. */
const silenceMs = 2_500;
const nanos = 1_000_000;

export interface PullerOptions {
  readonly broker: Broker;
  readonly stream: string;
  readonly durable: string;
  /** Messages that may be buffered here or asked for. */
  readonly capacity: number;
  /** Asks for nothing until it is resumed. */
  readonly paused?: boolean;
  /** Called when the buffer was empty and is not any more. Must not throw. */
  readonly onArrival: () => void;
  readonly random?: () => number;
}

/**
 * Keeps a bounded buffer of one durable consumer's messages filled, with raw pull requests: the
 * client's own `consume()` costs several times the processor time, and it stalls for up to
 * 40 s when the consumer's leader changes, because it does not pull again until heartbeats are
 * missed. Here a status that ends a request leads to a new one at once.
 */
export class Puller {
  private readonly options: PullerOptions;
  private buffer: Delivery[] = [];
  private outstanding = 0;
  private lastSeen = 0;
  private paused: boolean;
  private inbox = '';
  private subscription: Subscription | undefined;
  private readonly watch: NodeJS.Timeout;
  private readonly unlisten: () => void;
  private readonly stopping = new AbortController();
  /** Messages behind the last received one, as the server counted them. */
  pendingOnServer = 0;

  constructor(options: PullerOptions) {
    this.options = options;
    this.paused = options.paused ?? false;
    this.watch = setInterval(() => this.check(), heartbeatMs / 2);
    this.watch.unref();
    this.unlisten = options.broker.onChange((connected) => this.restart(connected));
    if (options.broker.connected) this.restart(true);
  }

  get stream(): string {
    return this.options.stream;
  }

  get durable(): string {
    return this.options.durable;
  }

  get buffered(): number {
    return this.buffer.length;
  }

  /** Takes up to `max` messages that are here already, oldest first. */
  take(max: number): Delivery[] {
    const taken = this.buffer.slice(0, max);
    this.buffer = this.buffer.slice(taken.length);
    this.pull();
    return taken;
  }

  /** Tells the server that what waits here is not forgotten. */
  working(): void {
    for (const delivery of this.buffer) delivery.working();
  }

  /** Stops asking for more; what was asked for may still arrive. */
  pause(): void {
    this.paused = true;
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    this.pull();
  }

  /** Ends. Messages in the buffer stay un-acknowledged and go to another replica. */
  close(): void {
    this.stopping.abort();
    clearInterval(this.watch);
    this.unlisten();
    this.subscription?.unsubscribe();
    this.buffer = [];
  }

  /** Forgets requests under way and asks anew, on an inbox of its own. */
  private restart(connected: boolean): void {
    this.subscription?.unsubscribe();
    this.subscription = undefined;
    this.outstanding = 0;
    const connection = this.options.broker.current;
    if (!connected || connection === undefined || this.stopping.signal.aborted) return;
    this.inbox = this.options.broker.newInbox();
    this.subscription = connection.subscribe(this.inbox, {
      callback: (error, message) => {
        if (error === null) this.received(message);
      },
    });
    this.pull();
  }

  private pull(): void {
    const connection: NatsConnection | undefined = this.options.broker.current;
    if (connection === undefined || this.subscription === undefined) return;
    if (this.paused || this.stopping.signal.aborted) return;
    const { capacity, stream, durable } = this.options;
    const room = capacity - this.buffer.length - this.outstanding;
    // Asking for every single free place would cost a request for each message.
    if (this.outstanding > 0 && room < capacity / 4) return;
    if (room <= 0) return;
    if (this.outstanding === 0) this.lastSeen = performance.now();
    this.outstanding += room;
    connection.publish(
      `$JS.API.CONSUMER.MSG.NEXT.${stream}.${durable}`,
      Buffer.from(
        `{"batch":${room},"expires":${expiresMs * nanos},"idle_heartbeat":${heartbeatMs * nanos}}`,
      ),
      { reply: this.inbox },
    );
  }

  private received(message: Msg): void {
    this.lastSeen = performance.now();
    const delivery = deliveryOf(message);
    if (delivery === undefined) {
      this.status(message);
      return;
    }
    this.outstanding = Math.max(0, this.outstanding - 1);
    this.pendingOnServer = delivery.pending;
    this.buffer.push(delivery);
    if (this.buffer.length === 1) this.options.onArrival();
  }

  /** https://docs.nats.io/reference/reference-protocols/nats_api_reference (pull statuses). */
  private status(message: Msg): void {
    const code = message.headers?.code ?? 0;
    if (code === 100) return;
    const left = Number(message.headers?.get('Nats-Pending-Messages') ?? '');
    const description = message.headers?.description ?? '';
    if (code === 408 && left > 0) {
      this.outstanding = Math.max(0, this.outstanding - left);
      this.pull();
      return;
    }
    // 409: leadership changed, the server stops, the consumer is gone. 503: no leader yet.
    this.outstanding = 0;
    const wait = /leadership|shutdown/i.test(description) ? 20 : 500;
    void this.pullAfter(wait * (0.5 + (this.options.random ?? Math.random)()));
  }

  private async pullAfter(delayMs: number): Promise<void> {
    await pause(delayMs, this.stopping.signal);
    if (this.outstanding === 0) this.pull();
  }

  private check(): void {
    if (this.outstanding === 0) {
      this.pull();
      return;
    }
    if (!this.isSilent()) return;
    // After this process itself stood still, what came meanwhile is read before it is judged:
    // a restart would leave it to come again when its `ack_wait` ends.
    setImmediate(() => {
      if (this.isSilent()) this.restart(this.options.broker.connected);
    });
  }

  private isSilent(): boolean {
    return this.outstanding > 0 && performance.now() - this.lastSeen > silenceMs;
  }
}
