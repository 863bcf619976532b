import type { EventDefinition } from '@windlass/contracts/event.ts';
import { step } from './broker/steps.ts';
import type { Reaction, Reactions } from './decision.ts';
import type { ReceivedEvent } from './event.ts';
import { type Settled, writeBisected } from './store/batch-writer.ts';
import type { UnitOfWork, Verdict, Work } from './store/unit-of-work.ts';
import type { Tracing } from './telemetry/trace.ts';

/** Handles batches of events: each becomes an input of one unit of work. */
export class Reactor<World, Change> {
  private readonly unitOfWork: UnitOfWork<World, Change>;
  private readonly reactions: ReadonlyMap<string, Reaction<ReceivedEvent, World, Change>>;
  private readonly tracing: Tracing;

  constructor(
    unitOfWork: UnitOfWork<World, Change>,
    reactions: Reactions<readonly EventDefinition[], World, Change>,
    tracing: Tracing,
  ) {
    this.unitOfWork = unitOfWork;
    this.reactions = new Map(Object.entries(reactions));
    this.tracing = tracing;
  }

  /** Never throws: a verdict or the reason of its failure for each event. */
  handle = async (events: readonly ReceivedEvent[]): Promise<readonly Settled<Verdict>[]> => {
    step('batch.deciding');
    const results = await writeBisected(
      events.map((event) => this.workOf(event)),
      this.unitOfWork.run,
    );
    step('batch.committed');
    return results;
  };

  /** Whether later events of its aggregate, which were parked, may follow now. */
  closesGap(event: ReceivedEvent, { kind }: Verdict): boolean {
    const moved = kind === 'decided' || kind === 'stale';
    return moved && this.reactions.get(event.type)?.ordering === 'contiguous';
  }

  private workOf(event: ReceivedEvent): Work<World, Change> {
    const reaction = this.reactions.get(event.type);
    if (reaction === undefined) throw new Error(`no reaction to ${event.type}`);
    const { ordering = 'commutative' } = reaction;
    const source = event.type.slice(0, event.type.indexOf('.'));
    const { aggregateId, sequence } = event;
    return {
      aggregateId: reaction.aggregateId(event),
      resources: reaction.resources?.(event),
      cause: {
        correlationId: event.correlationId,
        causationId: event.id,
        traceparent: this.tracing.childOf(event.traceparent),
      },
      inboxId: event.logicalId,
      place: ordering === 'commutative' ? undefined : { ordering, source, aggregateId, sequence },
      decide: (world, now) => ({ decision: reaction.decide(event, world, now) }),
    };
  }
}
