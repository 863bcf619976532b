import { millisecondsOf } from '../api/duration.ts';
import { type NatsUserSpec, natsUserSpec, natsUserStatus } from '../api/nats-user.ts';
import { specOf, statusOf } from '../api/read.ts';
import type { Plan, PlannedAction } from '../control/kind.ts';
import type { KubeObject } from '../control/objects.ts';
import type { Proof } from './key-proofs.ts';
import { acceptedKeys, decideKeys, type KeyRecord, type KeyStep } from './key-rotation.ts';
import { areEqual, type ConnectionValues, type StoredUser } from './user-secret.ts';

export const rotateAnnotation = 'windlass.dev/rotate';
/** How soon a key is tried again that the servers do not know yet. */
const waitMs = 2_000;

/** Why a user has no place in a cluster now. */
export interface ClusterProblem {
  readonly reason: string;
  readonly message: string;
  /** Nobody may use its keys until somebody has changed something. */
  readonly isStalled: boolean;
}

export interface UserFacts {
  readonly now: number;
  readonly secret:
    | { readonly kind: 'absent' }
    | { readonly kind: 'former' }
    | { readonly kind: 'others' }
    | ({ readonly kind: 'ours' } & StoredUser);
  readonly cluster:
    | { readonly kind: 'known'; readonly values: ConnectionValues }
    | ({ readonly kind: 'problem' } & ClusterProblem);
  /** Of the next key, or of the present one when there is no next. */
  readonly proof: Proof;
}

/** Carries no seed: whoever does it reads the Secret, and refuses when it has changed. */
export interface UserAction extends PlannedAction {
  readonly kind: Exclude<KeyStep['kind'], 'keep'>;
  readonly secretName: string;
  readonly record: KeyRecord;
  readonly values: ConnectionValues;
  readonly resourceVersion: string | undefined;
}

type UserPlan = Plan<UserAction>;
type Outcome = Pick<UserPlan, 'phase' | 'reason' | 'message'>;

export function planUser(object: KubeObject, facts: UserFacts): UserPlan {
  if (object.metadata.deletionTimestamp !== undefined) {
    const message = 'Its Secret goes with it.';
    return { actions: [], phase: 'progressing', reason: 'Deleting', message, isReleased: true };
  }
  const spec = specOf(natsUserSpec, object);
  const secretName = secretNameOf(object, spec);
  const { cluster, secret } = facts;
  if (secret.kind === 'former' || secret.kind === 'others') {
    return { actions: [], ...notOurs(secret.kind, secretName), status: statusBefore(object) };
  }
  if (cluster.kind === 'problem') {
    const { isStalled, reason, message } = cluster;
    const phase = isStalled ? 'stalled' : 'progressing';
    // What is temporarily unknown must not take the keys away from who uses them.
    const publicKeys = isStalled ? [] : keysNow(object, facts);
    return { actions: [], phase, reason, message, status: { ...statusBefore(object), publicKeys } };
  }
  return planKeys(object, spec, cluster.values, facts);
}

export function secretNameOf(object: KubeObject, spec: NatsUserSpec): string {
  return spec.secretName ?? object.metadata.name;
}

function planKeys(
  object: KubeObject,
  spec: NatsUserSpec,
  values: ConnectionValues,
  facts: UserFacts,
): UserPlan {
  const { secret, now, proof } = facts;
  const { every, overlap } = spec.rotation;
  const stored = secret.kind === 'ours' ? secret : undefined;
  const step = decideKeys(
    {
      keys: stored?.keys,
      published: statusOf(natsUserStatus, object).publicKeys ?? [],
      request: object.metadata.annotations?.[rotateAnnotation],
      isNextAccepted: stored?.keys.next !== undefined && proof.kind === 'accepted',
    },
    {
      everyMs: every === undefined ? undefined : millisecondsOf(every),
      overlapMs: millisecondsOf(overlap),
    },
    now,
  );
  const isRepaired = stored === undefined || areEqual(stored.values, values);
  const kind = step.kind === 'keep' && !isRepaired ? 'write' : step.kind;
  const secretName = secretNameOf(object, spec);
  const status = statusOfKeys(object, facts, step, { secretName, every, values });
  if (kind !== 'keep') {
    const describe = `Secret ${secretName}: ${sentences[kind]}`;
    const resourceVersion = stored?.resourceVersion;
    const action = { kind, describe, secretName, record: step.record, values, resourceVersion };
    const message = `${describe}.`;
    return { actions: [action], phase: 'progressing', reason: 'WritingSecret', message, status };
  }
  const outcome = outcomeOf(proof, stored?.keys.next !== undefined);
  const nextAt = step.kind === 'keep' ? step.nextAt : undefined;
  const dueMs = nextAt === undefined ? undefined : Math.max(0, nextAt - now);
  const requeueAfterMs = outcome.phase === 'ready' ? dueMs : waitMs;
  const again = requeueAfterMs === undefined ? {} : { requeueAfterMs };
  return { actions: [], ...outcome, status, ...again };
}

const sentences: Readonly<Record<UserAction['kind'], string>> = {
  create: 'make it, with a new key',
  replace: 'put a new key in the place of one that is spoilt',
  'add-next': 'make the next key',
  promote: 'hand over to the next key',
  write: 'write what a connection needs',
};

function outcomeOf(proof: Proof, isRotating: boolean): Outcome {
  if (proof.kind === 'accepted') {
    return { phase: 'ready', reason: 'KeyAccepted', message: 'All servers accept the key.' };
  }
  if (proof.kind === 'unreachable') {
    const message = `No server can be asked whether it accepts the key: ${proof.message}.`;
    return { phase: 'progressing', reason: 'NATSUnreachable', message };
  }
  const which = isRotating ? 'next key; the present one is still valid' : 'key';
  const message = `Not all servers accept the ${which}.`;
  return { phase: 'progressing', reason: 'KeyNotAccepted', message };
}

function notOurs(kind: 'former' | 'others', name: string): Outcome & { requeueAfterMs?: number } {
  if (kind === 'others') {
    const message = `Secret ${name} belongs to something else; choose another secretName.`;
    return { phase: 'stalled', reason: 'SecretNotOurs', message };
  }
  const message = `Secret ${name} of a deleted NatsUser of this name is about to go.`;
  const reason = 'SecretOfFormerUser';
  return { phase: 'progressing', reason, message, requeueAfterMs: waitMs };
}

function keysNow(object: KubeObject, { secret, now }: UserFacts): readonly string[] {
  if (secret.kind === 'ours') return acceptedKeys(secret.keys, now);
  return statusOf(natsUserStatus, object).publicKeys ?? [];
}

/** The fields of the status that somebody depends on, as they were. */
function statusBefore(object: KubeObject): Readonly<Record<string, unknown>> {
  const { publicKeys, secretName, account, rotatedAt, overlapEndsAt, nextRotationAt } = statusOf(
    natsUserStatus,
    object,
  );
  return { publicKeys, secretName, account, rotatedAt, overlapEndsAt, nextRotationAt };
}

function statusOfKeys(
  object: KubeObject,
  facts: UserFacts,
  { record }: KeyStep,
  of: { secretName: string; every: string | undefined; values: ConnectionValues },
): Readonly<Record<string, unknown>> {
  const { since, previous } = record;
  const time = (at: number | undefined) =>
    at === undefined ? undefined : new Date(at).toISOString();
  const last = previous.length === 0 ? undefined : Math.max(...previous.map(({ until }) => until));
  const ends =
    since === undefined || of.every === undefined ? undefined : since + millisecondsOf(of.every);
  return {
    publicKeys: keysNow(object, facts),
    secretName: of.secretName,
    account: of.values.account,
    rotatedAt: time(since),
    overlapEndsAt: time(last),
    nextRotationAt: time(ends),
  };
}
