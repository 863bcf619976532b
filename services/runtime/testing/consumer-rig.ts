import { afterAll, afterEach, beforeAll, beforeEach } from '@jest/globals';
import type { Lane } from '@windlass/contracts/service.ts';
import type { Broker } from '../broker/connection.ts';
import { eventHeaders } from '../broker/headers.ts';
import { type Outgoing, Publisher } from '../broker/publisher.ts';
import { consumerSettings } from '../broker/topology.ts';
import { subjectOf } from '../event.ts';
import { record } from '../store/events.ts';
import { consumingReplica, type Replica, type ReplicaOptions } from './consuming-replica.ts';
import { type Owed, owedBy } from './owed.ts';
import { connected, freshName, freshStore, provisioned, type Store } from './rig.ts';
import { cause, tallyEvents } from './tally.ts';

/** An event that adds to a tally. */
export interface Wish {
  readonly id: string;
  /** Place in the aggregate. @default 1 */
  readonly sequence?: number;
  /** @default 1 */
  readonly amount?: number;
  /** `permanent` and `transient`: handling it throws. */
  readonly note?: string;
  readonly lane?: Lane;
}

/** A stream of a test's own, the service that consumes it, and what a test asks about them. */
export class ConsumerRig {
  readonly service = freshName('tally');
  readonly stream = this.service.toUpperCase();
  readonly broker: Broker;
  private readonly added = tallyEvents(this.service).added;
  private readonly store: Store;
  private readonly url: string | undefined;
  private readonly publisher: Publisher;
  private readonly replicas: Replica[] = [];

  private constructor(store: Store, broker: Broker, url: string | undefined) {
    this.store = store;
    this.broker = broker;
    this.url = url;
    this.publisher = new Publisher(broker);
  }

  static async start(store: Store, url?: string): Promise<ConsumerRig> {
    const rig = new ConsumerRig(store, await connected('test', url), url);
    await provisioned([rig.added], [rig.definition], url);
    return rig;
  }

  /** Shortens the time after which the server takes a silent replica for dead. */
  async setAckWait(ackWaitMs: number): Promise<void> {
    for (const { stream, settings } of consumerSettings(this.definition)) {
      if (stream !== this.stream) continue;
      const config = { ...settings, ack_wait: ackWaitMs * 1e6 };
      const body = { stream_name: stream, config };
      await this.ask(`CONSUMER.CREATE.${stream}.${settings.durable_name}`, body);
    }
  }

  async replica(options: ReplicaOptions = {}): Promise<Replica> {
    const { service, url } = this;
    const of = { service, consumes: [this.added], database: this.store.replica(), url };
    const replica = await consumingReplica(of, options);
    this.replicas.push(replica);
    return replica;
  }

  /** Stores the events in the stream, in this order. */
  async publish(...wishes: readonly Wish[]): Promise<void> {
    for (const message of wishes.flatMap((wish) => this.messagesOf(wish))) {
      await this.publishRaw(message);
    }
  }

  /** Stores many events at once, in any order. */
  async publishMany(wishes: readonly Wish[]): Promise<void> {
    await this.publishRaw(...wishes.flatMap((wish) => this.messagesOf(wish)));
  }

  async publishRaw(...messages: readonly Outgoing[]): Promise<void> {
    for (const error of await this.publisher.publishEach(messages)) if (error) throw error;
  }

  /** The message of an event, as the relay publishes it. */
  messagesOf(wish: Wish): Outgoing[] {
    const { id, sequence = 1, amount = 1, note, lane = 'standard' } = wish;
    const events = [{ definition: this.added, data: { tallyId: id, amount, note } }];
    const decided = { aggregateId: id, lane, version: sequence, events };
    return record(decided, cause, Date.now()).map((event) => ({
      subject: subjectOf(event),
      headers: eventHeaders(event),
      body: event.body,
    }));
  }

  /** Asks the JetStream API in the server's own words. */
  async ask(api: string, body: object = {}): Promise<Record<string, unknown>> {
    const connection = await this.broker.ready();
    const answer = await connection.request(`$JS.API.${api}`, JSON.stringify(body));
    return answer.json<Record<string, unknown>>();
  }

  /** What of a lane was not delivered yet, and what was delivered without an answer yet. */
  async owed(lane: Lane = 'standard'): Promise<Owed> {
    const ask = (api: string, body: object) => this.ask(api, body);
    return await owedBy(ask, this.stream, `${this.service}-${lane}`);
  }

  /** Everything of a lane is acknowledged or ended. */
  async isDone(lane: Lane = 'standard'): Promise<boolean> {
    const { pending, unacked } = await this.owed(lane);
    return pending + unacked === 0;
  }

  async end(): Promise<void> {
    await Promise.all(this.replicas.map((replica) => replica.end()));
    await this.ask(`CONSUMER.DELETE.ADVISORY.${this.service}-reaper`);
    await this.ask(`STREAM.DELETE.${this.stream}`);
    this.publisher.close();
    await this.broker.close();
  }

  private get definition() {
    return { name: this.service, consumes: [this.added] };
  }
}

/** What each tally has come to. */
export async function totals(store: Store): Promise<Record<string, number>> {
  const text = 'SELECT id, total FROM tallies ORDER BY id';
  const rows = await store.database.query<{ id: string; total: number }>({ text });
  return Object.fromEntries(rows.map(({ id, total }) => [id, total]));
}

/** Forgets what the tests before have stored. */
export async function emptied(store: Store): Promise<void> {
  await store.database.query({
    text: 'TRUNCATE tallies, inbox, positions, parked, delivery_failures, dead_letters',
  });
}

/** The file's database, emptied before each test, and a rig of the test's own. */
export interface Fixture {
  readonly store: Store;
  readonly rig: ConsumerRig;
}

/** To be called once, at the top of a test file. What it gives is there while a test runs. */
export function rigOfEachTest(): Fixture {
  let store: Store | undefined;
  let rig: ConsumerRig | undefined;
  beforeAll(async () => {
    store = await freshStore();
  }, 60_000);
  afterAll(() => store?.end());
  beforeEach(async () => {
    await emptied(present(store));
    rig = await ConsumerRig.start(present(store));
  });
  afterEach(() => rig?.end());
  return {
    get store() {
      return present(store);
    },
    get rig() {
      return present(rig);
    },
  };
}

function present<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error('no test runs');
  return value;
}
