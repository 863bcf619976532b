import { z } from 'zod';
import type { Plan, PlannedAction } from './kind.ts';
import type { Condition, KubeObject, StoredCondition } from './objects.ts';
import { isRecord } from './received.ts';

const messageMaxLength = 32_768;

const storedCondition = z.object({
  type: z.string(),
  status: z.enum(['True', 'False', 'Unknown']),
  reason: z.string().default(''),
  message: z.string().default(''),
  observedGeneration: z.number().default(0),
  lastTransitionTime: z.string().default(''),
});

/** The part of a plan that becomes Ready, Reconciling and Stalled. */
export type Verdict = Pick<Plan<PlannedAction>, 'phase' | 'reason' | 'message'>;

/**
 * The three conditions that every kind has, as kstatus reads them: an object is done when it is
 * Ready, and neither Reconciling nor Stalled.
 */
export function verdictConditions({ phase, reason, message }: Verdict): readonly Condition[] {
  const stated = { reason, message };
  const isReady = phase === 'ready';
  const settled = {
    reason: isReady ? 'Converged' : 'Stalled',
    message: isReady ? 'Nothing is left to do.' : 'Somebody has to change something first.',
  };
  const repeated = isReady
    ? settled
    : { reason: 'Progressing', message: 'It will be looked at again.' };
  return [
    { type: 'Ready', status: isReady ? 'True' : 'False', ...stated },
    phase === 'progressing'
      ? { type: 'Reconciling', status: 'True', ...stated }
      : { type: 'Reconciling', status: 'False', ...settled },
    phase === 'stalled'
      ? { type: 'Stalled', status: 'True', ...stated }
      : { type: 'Stalled', status: 'False', ...repeated },
  ];
}

/** While nobody acts on the object: what else is known of it stays as it stands. */
export function heldCondition(reason: 'Paused' | 'DryRun', message: string): Condition {
  return { type: 'Reconciling', status: 'False', reason, message };
}

/** Gives each condition its generation, and the time of its last change of status. */
export function dated(
  conditions: readonly Condition[],
  stored: readonly StoredCondition[],
  generation: number,
  now: number,
): readonly StoredCondition[] {
  const before = new Map(stored.map((condition) => [condition.type, condition]));
  return conditions.map(({ type, status, reason, message }) => {
    const known = before.get(type);
    const isSame = known?.status === status && known.lastTransitionTime !== '';
    return {
      type,
      status,
      reason,
      message: message.slice(0, messageMaxLength),
      observedGeneration: generation,
      lastTransitionTime: isSame ? known.lastTransitionTime : timeOf(now),
    };
  });
}

/** Those of `status.conditions` that are conditions. */
export function storedConditions(object: KubeObject): readonly StoredCondition[] {
  const { conditions } = statusOf(object);
  if (!Array.isArray(conditions)) return [];
  return conditions.flatMap((each) => {
    const parsed = storedCondition.safeParse(each);
    return parsed.success ? [parsed.data] : [];
  });
}

export function statusOf({ status }: KubeObject): Readonly<Record<string, unknown>> {
  return isRecord(status) ? status : {};
}

function timeOf(now: number): string {
  return new Date(now).toISOString().replace(/\.\d+Z$/, 'Z');
}
