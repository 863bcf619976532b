import type { Logger } from '@windlass/runtime/telemetry/log.ts';
import {
  dated,
  heldCondition,
  statusOf,
  storedConditions,
  verdictConditions,
} from './conditions.ts';
import type { EventRecorder } from './events.ts';
import { type Failure, failureOf } from './failure.ts';
import { type Finalizer, hasFinalizer } from './finalizer.ts';
import { type Context, type Kind, type Plan, type PlannedAction, ReconcileError } from './kind.ts';
import { LostLeadership } from './kube-error.ts';
import { type Condition, type Key, type KubeObject, keyOf } from './objects.ts';
import type { LoopObserver, ReconcileResult } from './observer.ts';
import type { StatusWriter, Wanted, Written } from './status.ts';
import type { Next } from './work-queue.ts';

const roundsMax = 4;
/** When an object that is under way is looked at again, if its plan does not say. */
const progressingMs = 10_000;

export const pausedAnnotation = 'windlass.dev/paused';
export const dryRunAnnotation = 'windlass.dev/dry-run';

export interface ReconcilerOptions<Facts, Action extends PlannedAction> {
  readonly kind: Kind<Facts, Action>;
  /** All but what belongs to one object. */
  readonly context: Omit<Context, 'event' | 'logger'>;
  readonly logger: Logger;
  readonly events: EventRecorder;
  readonly status: StatusWriter;
  readonly finalizer: Finalizer;
  readonly observer: LoopObserver;
  /** Every object is looked at this often, give or take a tenth. */
  readonly resyncMs: number;
}

interface Look {
  readonly result: ReconcileResult;
  readonly next: Next;
}

const done: Next = { next: 'forget' };

/** Looks at one object after the other of one kind. Its `reconcile` never rejects. */
export class Reconciler<Facts, Action extends PlannedAction> {
  private readonly options: ReconcilerOptions<Facts, Action>;

  constructor(options: ReconcilerOptions<Facts, Action>) {
    this.options = options;
  }

  readonly reconcile = async (key: Key): Promise<Next> => {
    const { kind, observer, logger } = this.options;
    const startedAt = performance.now();
    const { result, next } = await this.look(key).catch((error): Look => {
      const failure = failureOf(error, this.options.context.signal);
      if (failure.outcome === 'ended') return { result: 'ended', next: done };
      const level = failure.outcome === 'later' ? 'debug' : 'warn';
      logger[level]({ err: error, kind: kind.resource.kind, key }, 'a reconciliation failed');
      return { result: 'postponed', next: { next: 'retry', afterMs: jittered(failure.afterMs) } };
    });
    observer.reconciled(kind.resource, result, performance.now() - startedAt);
    if (next.next === 'retry') observer.retried(kind.resource);
    return next;
  };

  private async look(key: Key): Promise<Look> {
    const { kind, context, status, finalizer } = this.options;
    const found = context.cache.get(kind.resource, key);
    if (found === undefined || (isDeleted(found) && !hasFinalizer(found))) {
      status.forget(key);
      return { result: 'gone', next: done };
    }
    if (isOn(found, pausedAnnotation)) return await this.paused(found);
    if (isOn(found, dryRunAnnotation)) return await this.dryRun(found);
    let object: KubeObject | undefined = found;
    if (!isDeleted(found) && kind.needsFinalizer(found) !== hasFinalizer(found)) {
      object = await (hasFinalizer(found) ? finalizer.remove(found) : finalizer.add(found));
    }
    if (object === undefined) return { result: 'gone', next: done };
    return await this.converge(object);
  }

  /** Acts until a plan has nothing to do, and writes down how it went. */
  private async converge(first: KubeObject): Promise<Look> {
    const { kind, finalizer, status } = this.options;
    let object = first;
    let plan: Plan<Action> | undefined;
    try {
      for (let round = 1; ; round++) {
        const context = this.contextOf(object);
        plan = kind.plan(object, await kind.observe(object, context));
        if (plan.actions.length === 0 || round > roundsMax) break;
        await this.act(plan.actions, object, context);
        object = this.latest(object);
      }
      if (isDeleted(object) && plan.isReleased === true && plan.actions.length === 0) {
        await finalizer.remove(object);
        status.forget(keyOf(object));
        return { result: 'released', next: done };
      }
      const last = plan;
      // A status that is refused must not be sent once more with the refusal.
      plan = undefined;
      return this.afterPlan(last, await this.writePlan(object, last));
    } catch (error) {
      return await this.failed(this.latest(object), plan, error);
    }
  }

  private async act(
    actions: readonly Action[],
    object: KubeObject,
    context: Context,
  ): Promise<void> {
    for (const action of actions) {
      if (context.signal.aborted) throw new LostLeadership();
      context.fence();
      context.logger.info({ action: action.describe }, 'acting');
      await this.options.kind.act(action, object, context);
    }
  }

  private afterPlan(plan: Plan<Action>, written: Written): Look {
    // What it does does not bring it nearer to what it wants: slower each time.
    if (plan.actions.length > 0) return { result: 'progressing', next: { next: 'retry' } };
    const isProgressing = plan.phase === 'progressing';
    const afterMs = Math.min(
      this.resyncMs(),
      plan.requeueAfterMs ?? (isProgressing ? progressingMs : Number.POSITIVE_INFINITY),
      written.outcome === 'later' ? written.afterMs : Number.POSITIVE_INFINITY,
    );
    const result = plan.phase === 'ready' ? 'converged' : plan.phase;
    return { result, next: { next: 'forget', afterMs } };
  }

  private async writePlan(object: KubeObject, plan: Plan<Action>): Promise<Written> {
    return await this.write(object, plan, [...verdictConditions(plan), ...(plan.conditions ?? [])]);
  }

  private async failed(
    object: KubeObject,
    plan: Plan<Action> | undefined,
    error: unknown,
  ): Promise<Look> {
    const failure = failureOf(error, this.options.context.signal);
    const about = this.contextOf(object);
    if (failure.outcome === 'ended') return { result: 'ended', next: done };
    if (failure.outcome === 'later') {
      about.logger.debug({ err: error }, 'postponed');
      return { result: 'postponed', next: { next: 'retry', afterMs: jittered(failure.afterMs) } };
    }
    const before = storedConditions(object).find(({ type }) => type === 'Ready')?.reason;
    // What has a name needs no stack, and nobody reads the same line at every try.
    const { reason, message } = failure;
    const told = error instanceof ReconcileError ? { reason, message } : { reason, err: error };
    const level = before === reason ? 'debug' : 'warn';
    about.logger[level](told, 'a reconciliation failed');
    await this.writeFailure(object, plan, failure);
    if (before !== failure.reason) about.event('Warning', failure.reason, failure.message);
    if (failure.isStalled) {
      const afterMs = failure.afterMs ?? this.resyncMs();
      return { result: 'stalled', next: { next: 'forget', afterMs } };
    }
    return { result: 'failed', next: { next: 'retry', afterMs: failure.afterMs } };
  }

  private async writeFailure(
    object: KubeObject,
    plan: Plan<Action> | undefined,
    failure: Extract<Failure, { readonly outcome: 'failed' }>,
  ): Promise<void> {
    const { isStalled, reason, message } = failure;
    const verdict = verdictConditions({
      phase: isStalled ? 'stalled' : 'progressing',
      reason,
      message,
    });
    // Without a plan of now, what the kind said last is the best there is.
    const own = plan?.conditions ?? withoutVerdict(storedConditions(object));
    await this.write(object, plan ?? { status: withoutMeta(statusOf(object)) }, [
      ...verdict,
      ...own,
    ]);
  }

  private async write(
    object: KubeObject,
    { status, figures }: Pick<Plan<Action>, 'status' | 'figures'>,
    conditions: readonly Condition[],
  ): Promise<Written> {
    const generation = object.metadata.generation ?? 0;
    const stored = storedConditions(object);
    const fields = {
      ...status,
      observedGeneration: generation,
      conditions: dated(conditions, stored, generation, this.options.context.now()),
    };
    return await this.options.status.write(object, { fields, figures });
  }

  private async paused(object: KubeObject): Promise<Look> {
    const message = `The annotation ${pausedAnnotation} is set.`;
    await this.writeHeld(object, heldCondition('Paused', message), {});
    return { result: 'paused', next: done };
  }

  private async dryRun(object: KubeObject): Promise<Look> {
    const { kind } = this.options;
    try {
      const { actions } = kind.plan(object, await kind.observe(object, this.contextOf(object)));
      const count = actions.length === 1 ? 'One action is' : `${actions.length} actions are`;
      const message = `The annotation ${dryRunAnnotation} is set. ${count} in status.plan.`;
      const planned = { plan: actions.map(({ describe }) => describe) };
      await this.writeHeld(object, heldCondition('DryRun', message), planned);
      return { result: 'dry-run', next: { next: 'forget', afterMs: this.resyncMs() } };
    } catch (error) {
      return await this.failed(object, undefined, error);
    }
  }

  /** All of the status stays as it stands, also which generation it is about. */
  private async writeHeld(
    object: KubeObject,
    held: Condition,
    more: Wanted['fields'],
  ): Promise<void> {
    const { plan: _, ...status } = statusOf(object);
    const stored = storedConditions(object);
    const generation = object.metadata.generation ?? 0;
    const others = stored.filter(({ type }) => type !== held.type);
    const known = stored.find(({ type, reason }) => type === held.type && reason === held.reason);
    // It is said once, whatever generations follow.
    const conditions =
      known?.message === held.message
        ? stored
        : [...others, ...dated([held], stored, generation, this.options.context.now())];
    await this.options.status.write(object, { fields: { ...status, ...more, conditions } });
  }

  private contextOf(object: KubeObject): Context {
    const { context, logger, events, kind } = this.options;
    return {
      ...context,
      logger: logger.child({ kind: kind.resource.kind, object: keyOf(object) }),
      event: (type, reason, message) => events.record(object, type, reason, message),
    };
  }

  /** With what was written meanwhile; another object of the same name is left to its own look. */
  private latest(object: KubeObject): KubeObject {
    const { context, kind } = this.options;
    const held = context.cache.get(kind.resource, keyOf(object));
    return held?.metadata.uid === object.metadata.uid ? (held ?? object) : object;
  }

  private resyncMs(): number {
    return this.options.resyncMs * (0.9 + Math.random() * 0.2);
  }
}

/** Those who are told the same pause would come back together. */
function jittered(afterMs: number | undefined): number | undefined {
  return afterMs === undefined ? undefined : afterMs * (1 + Math.random() / 4);
}

const verdictTypes: ReadonlySet<string> = new Set(['Ready', 'Reconciling', 'Stalled']);

function withoutVerdict(conditions: readonly Condition[]): readonly Condition[] {
  return conditions.filter(({ type }) => !verdictTypes.has(type));
}

/** A stored status without what is written anew each time. */
function withoutMeta(status: Readonly<Record<string, unknown>>) {
  const { conditions: _, observedGeneration: __, plan: ___, ...fields } = status;
  return fields;
}

function isDeleted({ metadata }: KubeObject): boolean {
  return metadata.deletionTimestamp !== undefined;
}

function isOn({ metadata }: KubeObject, annotation: string): boolean {
  return metadata.annotations?.[annotation] === 'true';
}
