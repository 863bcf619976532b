import type { EventDefinition } from '@windlass/contracts/event.ts';
import type { Lane } from '@windlass/contracts/service.ts';
import { Consumer } from '../broker/consumer.ts';
import { decoder } from '../broker/decode.ts';
import { Parking } from '../broker/parking.ts';
import { Publisher } from '../broker/publisher.ts';
import { Reaper } from '../broker/reaper.ts';
import { troubles } from '../broker/troubles.ts';
import type { Reaction } from '../decision.ts';
import type { ReceivedEvent } from '../event.ts';
import { Undertaker } from '../failure/dead-letter.ts';
import { PermanentError } from '../failure/poison.ts';
import { Reactor } from '../reactor.ts';
import type { DeadLetter } from '../store/dead-letters.ts';
import type { Database } from '../store/pool.ts';
import { UnitOfWork } from '../store/unit-of-work.ts';
import { Tracing } from '../telemetry/trace.ts';
import { connected, listening } from './rig.ts';
import { add, type Tallies, type Tally, tallyModel } from './tally.ts';

type Adding = Reaction<ReceivedEvent, Tallies, Tally>;

export interface ReplicaOptions {
  readonly decide?: Adding['decide'];
  readonly ordering?: NonNullable<Adding['ordering']>;
  /** Runs before a batch is handled; while it waits the batch is under way. */
  readonly before?: (events: readonly ReceivedEvent[]) => Promise<void>;
  /** Pauses the consumer for this reason before it starts. */
  readonly paused?: string;
  readonly workingMs?: number;
  readonly parkedMaxMs?: number;
  readonly retryMs?: number;
}

/** Adds the amount of an event, unless its note asks for a failure. */
export const decideByNote: Adding['decide'] = ({ data }, tallies) => {
  const note = String(data.note ?? '');
  if (note === 'permanent') throw new PermanentError('no repetition can mend it');
  if (note === 'transient') throw new Error('perhaps the next time');
  return add(tallies, String(data.tallyId), Number(data.amount), { note });
};

export type Replica = Awaited<ReturnType<typeof consumingReplica>>;

/** The consuming side of one process of a service, put together as `process.ts` does it. */
export async function consumingReplica(
  of: {
    readonly service: string;
    readonly consumes: readonly EventDefinition[];
    readonly database: Database;
    readonly url: string | undefined;
  },
  options: ReplicaOptions,
) {
  const { service, consumes, database, url } = of;
  const broker = await connected(service, url);
  const publisher = new Publisher(broker);
  const logger = listening();
  const filed: DeadLetter[] = [];
  const handled: { id: string; kind: string }[] = [];
  const batches: { lane: Lane; size: number }[] = [];
  const redelivered: number[] = [];
  const undertaker = new Undertaker({
    ...{ service, serviceVersion: '1.2.3', database, publisher, logger },
    onFiled: (letter) => filed.push(letter),
  });
  const unitOfWork = new UnitOfWork<Tallies, Tally>({
    ...{ database, model: tallyModel, consumer: service, now: Date.now },
    effectCapacity: () => 0,
    committed: () => {},
  });
  const { decide = decideByNote, ordering = 'commutative' } = options;
  const reaction: Adding = { aggregateId: (event) => String(event.data.tallyId), ordering, decide };
  const reactions = Object.fromEntries(consumes.map(({ type }) => [type, reaction]));
  const tracing = new Tracing({ service, replica: 'test', sampleRatio: 0, enabled: false });
  const reactor = new Reactor(unitOfWork, reactions, tracing);
  const { parkedMaxMs: maxAgeMs, workingMs, retryMs = 20 } = options;
  const decode = decoder(consumes);
  const parking = new Parking({
    ...{ database, decode, handle: reactor.handle, undertaker, logger },
    ...(maxAgeMs === undefined ? {} : { maxAgeMs }),
  });
  const retry = { retryBaseMs: retryMs, retryMaxMs: retryMs };
  const consumer = new Consumer({
    ...{ broker, service, consumes, decode, logger },
    ...(workingMs === undefined ? {} : { workingMs }),
    async handle(events) {
      await options.before?.(events);
      return await reactor.handle(events);
    },
    troubles: troubles({ database, undertaker, logger, ...retry, onFailed: () => {} }),
    onBatch: (lane, size) => batches.push({ lane, size }),
    onSettled: ({ event }, verdict) => {
      handled.push({ id: event.id.slice(event.id.indexOf('.') + 1), kind: verdict.kind });
      if (reactor.closesGap(event, verdict)) parking.applied(event.aggregateId);
    },
    onRedelivered: ({ deliveries }) => redelivered.push(deliveries),
  });
  const reaper = new Reaper({ broker, service, database, undertaker, logger });
  parking.start();
  if (options.paused !== undefined) consumer.setPaused(options.paused, true);
  consumer.start();
  let ended: Promise<void> | undefined;
  const drain = async () => {
    await Promise.all([consumer.drain(), parking.stop(), reaper.stop()]);
    publisher.close();
    await broker.close();
  };
  /** Ends as a process does that is told to stop. */
  const end = () => (ended ??= drain());
  return { consumer, broker, undertaker, logger, filed, handled, batches, redelivered, end };
}
