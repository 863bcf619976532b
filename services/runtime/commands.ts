import { step } from './broker/steps.ts';
import type { Command } from './decision.ts';
import type { Cause, RecordedEvent } from './event.ts';
import { isLockTimeout } from './failure/database-errors.ts';
import { Failure } from './failure/errors.ts';
import { problemReply } from './http/problem.ts';
import type { Reply } from './http/route.ts';
import { replyOfUsedKey, SingleFlight } from './http/single-flight.ts';
import type { Keyed, Kit, NewAggregate } from './parts.ts';
import { type Acceptance, type AcceptColumn, Acceptor } from './store/acceptor.ts';
import { BatchWriter } from './store/batch-writer.ts';
import { record } from './store/events.ts';
import type { StoredReply } from './store/idempotency.ts';
import type { Database } from './store/pool.ts';
import type { UnitOfWork, Verdict, Work } from './store/unit-of-work.ts';

const commandBatchMax = 256;
const acceptBatchMax = 512;

export interface CommandsOptions<World, Change> {
  readonly database: Database;
  readonly unitOfWork: UnitOfWork<World, Change>;
  readonly now: () => number;
  readonly committed: (events: readonly RecordedEvent[]) => void;
  readonly onBatch: (size: number) => void;
}

/** Commands of a service, many in one transaction, each request with a key once. */
export class Commands<World, Change> {
  private readonly options: CommandsOptions<World, Change>;
  private readonly writer: BatchWriter<Work<World, Change>, Verdict>;
  private readonly acceptors: { readonly depth: number; drained(): Promise<void> }[] = [];
  private readonly flights = new SingleFlight();

  constructor(options: CommandsOptions<World, Change>) {
    this.options = options;
    this.writer = new BatchWriter({
      write: async (works) => {
        const verdicts = await options.unitOfWork.run(works);
        step('command.committed');
        return verdicts;
      },
      maxBatch: commandBatchMax,
      concurrency: 1,
      onBatch: options.onBatch,
    });
  }

  /** Commands that wait for their batch. */
  get depth(): number {
    return this.acceptors.reduce((sum, each) => sum + each.depth, this.writer.depth);
  }

  async drained(): Promise<void> {
    await Promise.all([this.writer.drained(), ...this.acceptors.map((each) => each.drained())]);
  }

  execute: Kit<World, Change>['execute'] = async (command, keyed) => {
    if (!('key' in keyed)) return await this.decide(command, keyed.cause, undefined);
    return await this.once(keyed, () => this.decide(command, keyed.cause, keyed));
  };

  /** A key that another replica has under way for longer than a lock is waited for is busy. */
  private async once(keyed: Keyed, execute: () => Promise<Reply>): Promise<Reply> {
    try {
      return await this.flights.run(keyed, execute);
    } catch (error) {
      if (!isLockTimeout(error)) throw error;
      throw new Failure('request-in-flight', { retryAfterSeconds: 1, cause: error });
    }
  }

  acceptor<Entity>(
    table: string,
    columns: readonly AcceptColumn<Entity>[],
  ): (make: (now: number) => NewAggregate<Entity>, keyed: Keyed) => Promise<Reply> {
    const acceptor = new Acceptor<Entity>({
      database: this.options.database,
      table,
      columns,
      maxBatch: acceptBatchMax,
      onBatch: this.options.onBatch,
      committed: (accepted) => {
        step('command.committed');
        this.options.committed(accepted.map((each) => each.event));
      },
    });
    this.acceptors.push(acceptor);
    return async (make, keyed) =>
      await this.once(keyed, async () => {
        // One look at the clock: the row tells the time that its first event tells.
        const now = this.options.now();
        const acceptance = acceptanceOf(make(now), keyed, now);
        const outcome = await acceptor.accept(acceptance.stored);
        return outcome.kind === 'used' ? replyOfUsedKey(outcome.used, keyed) : acceptance.reply;
      });
  }

  /** The decision runs under the lock of its aggregate; a Failure it throws is its answer. */
  private async decide(
    command: Command<World, Change, Reply | Failure>,
    cause: Cause,
    use: Keyed | undefined,
  ): Promise<Reply> {
    let reply: Reply | undefined;
    const work: Work<World, Change> = {
      aggregateId: command.aggregateId,
      resources: command.resources,
      cause,
      use,
      decide: (world, now) => {
        const { decision, result } = command.decide(world, now);
        reply = result instanceof Failure ? problemReply(result, cause.correlationId) : result;
        return { decision, reply: asStored(reply) };
      },
    };
    const verdict = await this.writer.submit(work);
    if (verdict.kind === 'used' && use !== undefined) return replyOfUsedKey(verdict.used, use);
    if (reply === undefined) throw new Error(`a command ended as ${verdict.kind}`);
    return reply;
  }
}

function acceptanceOf<Entity>(made: NewAggregate<Entity>, keyed: Keyed, now: number) {
  const [event] = record(made.decided, keyed.cause, now);
  if (event === undefined) throw new Error('a new aggregate needs its first event');
  const stored: Acceptance<Entity> = {
    entity: made.entity,
    event,
    cause: keyed.cause,
    use: keyed,
    reply: asStored(made.reply),
  };
  return { stored, reply: made.reply };
}

/** Of the headers only Location belongs to the answer; the others are made anew each time. */
function asStored({ status, body, headers }: Reply): StoredReply {
  return { status, body, location: headers?.location };
}
