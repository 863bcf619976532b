import type { Plan, PlannedAction } from '../control/kind.ts';
import type { Condition, KubeObject } from '../control/objects.ts';
import {
  type Config,
  type Difference,
  differences,
  specNameOf,
  type Wanted,
} from './differences.ts';
import { isOwnedBy, mayAdopt, type Owner } from './ownership.ts';

const catchUpMs = 2_000;
const waitMs = 1_000;
const notEmptyMs = 60_000;

export interface AssetAction extends PlannedAction {
  readonly kind: 'create' | 'update' | 'delete';
  readonly config: Config;
  /** Fields that the server left as they were when it was asked before. */
  readonly fields: readonly string[];
  /** Somebody else has changed or deleted the asset since the object was last as wanted. */
  readonly isRepair: boolean;
}

export interface Replica {
  readonly name: string;
  readonly current: boolean;
  readonly offline: boolean;
  readonly lag: number;
}

/** The asset as the server describes it. */
export interface Found {
  readonly config: Config;
  readonly created: string;
  readonly isEmpty: boolean;
  readonly cluster: { readonly name: string; readonly leader: string } | undefined;
  readonly replicas: readonly Replica[];
  /** How many other replicas there should be. Undefined: it is not waited for them. */
  readonly expectedReplicas: number | undefined;
  readonly figures: Readonly<Record<string, unknown>>;
  /** What the metrics tell of it. */
  readonly counts: StreamCounts | ConsumerCounts;
}

export interface StreamCounts {
  readonly of: 'stream';
  readonly messages: number;
  readonly bytes: number;
}

export interface ConsumerCounts {
  readonly of: 'consumer';
  readonly pending: number;
  readonly ackPending: number;
  readonly redelivered: number;
}

export interface Seen {
  readonly kind: 'seen';
  readonly wanted: Wanted;
  readonly found: Found | undefined;
  readonly owner: Owner | undefined;
  /** An older object that claims the same asset. */
  readonly winner: string | undefined;
  readonly hasRival: boolean;
  /** Differences that stayed when the server was last told the same, and their values then. */
  readonly kept: readonly Difference[];
}

export type AssetFacts =
  | Seen
  /** Nothing has to be done for the object to go. */
  | { readonly kind: 'released'; readonly why: string }
  | { readonly kind: 'waiting'; readonly reason: string; readonly message: string };

export interface AssetPolicy {
  /** `stream ORDERS`. */
  readonly what: string;
  readonly deletion: 'Retain' | 'Delete' | 'DeleteIfEmpty';
  readonly isUpdatePrevented: boolean;
  /** The object's generation was as wanted before. */
  readonly wasReady: boolean;
  readonly specNames: Readonly<Record<string, string>>;
  readonly immutable: (wanted: Config, found: Config) => readonly string[];
}

type AssetPlan = Plan<AssetAction>;

/** What is to be done about one asset; the same rules for every kind. */
export function assetPlan(object: KubeObject, facts: AssetFacts, policy: AssetPolicy): AssetPlan {
  if (facts.kind === 'released') return released(facts.why);
  if (facts.kind === 'waiting') {
    const { reason, message } = facts;
    return { actions: [], phase: 'progressing', reason, message, requeueAfterMs: waitMs };
  }
  if (object.metadata.deletionTimestamp !== undefined) return deletionPlan(object, facts, policy);
  if (facts.winner !== undefined) {
    const message = `The ${policy.what} belongs to ${facts.winner}, which is older.`;
    const status = { ownedBy: facts.winner };
    return { actions: [], phase: 'stalled', reason: 'Conflict', message, status };
  }
  if (facts.found === undefined) return creationPlan(facts, policy);
  return updatePlan(object, facts, facts.found, policy);
}

function released(message: string): AssetPlan {
  return { actions: [], phase: 'progressing', reason: 'Released', message, isReleased: true };
}

function deletionPlan(object: KubeObject, facts: Seen, policy: AssetPolicy): AssetPlan {
  const { found, owner, hasRival, wanted } = facts;
  if (policy.deletion === 'Retain') return released(`The ${policy.what} is kept.`);
  if (found === undefined) return released(`The ${policy.what} is not there any more.`);
  if (hasRival) return released(`The ${policy.what} is left to the other object that claims it.`);
  if (!isOwnedBy(object, owner)) return released(`The ${policy.what} is not this object's.`);
  if (policy.deletion === 'DeleteIfEmpty' && !found.isEmpty) {
    const message = `The ${policy.what} is not empty, and deletionPolicy is DeleteIfEmpty.`;
    const requeueAfterMs = notEmptyMs;
    return { actions: [], phase: 'stalled', reason: 'NotEmpty', message, requeueAfterMs };
  }
  return acting(policy, 'delete', wanted.config, [], false, 'Deleting');
}

function creationPlan({ wanted }: Seen, policy: AssetPolicy): AssetPlan {
  return acting(policy, 'create', wanted.config, [], policy.wasReady, 'Creating');
}

function acting(
  policy: AssetPolicy,
  kind: AssetAction['kind'],
  config: Config,
  fields: readonly string[],
  isRepair: boolean,
  reason: string,
): AssetPlan {
  const changes = fields.length === 0 ? '' : `: ${fields.join(', ')}`;
  const describe = `${kind} ${policy.what}${changes}`;
  const actions = [{ kind, describe, config, fields, isRepair }];
  return { actions, phase: 'progressing', reason, message: `About to ${describe}.` };
}

function updatePlan(object: KubeObject, facts: Seen, found: Found, policy: AssetPolicy): AssetPlan {
  const { wanted, owner, kept } = facts;
  const isOurs = isOwnedBy(object, owner);
  if (!isOurs && !mayAdopt(object, owner, policy.wasReady)) {
    const whose = owner === undefined ? 'was there before' : `belongs to ${owner.key}`;
    const message = `The ${policy.what} ${whose} and is not adopted.`;
    return { actions: [], phase: 'stalled', reason: 'NotAdopted', message };
  }
  const nameOf = ({ field }: Difference) => specNameOf(field, policy.specNames);
  const all = differences(wanted, found.config);
  const fresh = all.filter((each) => !kept.some((before) => isSameDifference(before, each)));
  if (policy.isUpdatePrevented) return settled(found, policy, [], all.map(nameOf));
  const fixed = policy.immutable(wanted.config, found.config);
  if (fixed.length > 0) {
    const fields = fixed.map((field) => specNameOf(field, policy.specNames)).join(', ');
    const message = `The ${policy.what} has another ${fields}, which the server never changes.`;
    const status = statusOf(found);
    return { actions: [], phase: 'stalled', reason: 'ImmutableField', message, status };
  }
  if (fresh.length > 0) {
    const config = { ...wanted.config, ...computedIn(wanted, found) };
    const isRepair = policy.wasReady && isOurs;
    return acting(policy, 'update', config, fresh.map(nameOf), isRepair, 'Updating');
  }
  const lost = all.filter(({ field }) => wanted.defaults[field] === undefined);
  return settled(found, policy, lost.map(nameOf), []);
}

/** They stay what they are: a stream starts where it started, for example. */
function computedIn({ computed = [] }: Wanted, { config }: Found): Config {
  const stored = computed.filter((field) => config[field] !== undefined);
  return Object.fromEntries(stored.map((field) => [field, config[field]]));
}

function isSameDifference(one: Difference, other: Difference): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function settled(
  found: Found,
  policy: AssetPolicy,
  lost: readonly string[],
  prevented: readonly string[],
): AssetPlan {
  const conditions = [honored(policy, lost, prevented)];
  const status = {
    ...statusOf(found),
    ...(lost.length === 0 ? {} : { notHonored: lost }),
    ...(prevented.length === 0 ? {} : { drift: prevented }),
  };
  const common = { actions: [], conditions, status, figures: found.figures };
  if (lost.length > 0) {
    const message = `The server took the ${policy.what} without ${lost.join(', ')}.`;
    return { ...common, phase: 'stalled', reason: 'ConfigNotHonored', message };
  }
  const behind = whoIsBehind(found, policy);
  if (behind !== undefined) {
    const reason = 'ReplicasNotCurrent';
    return { ...common, phase: 'progressing', reason, message: behind, requeueAfterMs: catchUpMs };
  }
  const message = `The ${policy.what} is as wanted.`;
  return { ...common, phase: 'ready', reason: 'Ready', message };
}

function honored(
  policy: AssetPolicy,
  lost: readonly string[],
  prevented: readonly string[],
): Condition {
  const type = 'ConfigHonored';
  if (lost.length > 0) {
    const message = `Other than asked: ${lost.join(', ')}.`;
    return { type, status: 'False', reason: 'DroppedByServer', message };
  }
  if (prevented.length > 0) {
    const message = `preventUpdate keeps another ${prevented.join(', ')}.`;
    return { type, status: 'False', reason: 'UpdatePrevented', message };
  }
  const message = `The ${policy.what} has every field as asked.`;
  return { type, status: 'True', reason: 'AsAsked', message };
}

/**
 * New replicas must be current before the object is ready. Later on, a server that restarts is
 * the cluster's matter: it must not make every stream on it unready.
 */
function whoIsBehind(found: Found, { wasReady }: AssetPolicy): string | undefined {
  const { cluster, replicas, expectedReplicas } = found;
  if (cluster !== undefined && cluster.leader === '') return 'It has no leader now.';
  if (expectedReplicas === undefined || wasReady) return undefined;
  const behind = replicas.filter(({ current, offline }) => !current || offline);
  if (behind.length > 0) return `Not current: ${behind.map(({ name }) => name).join(', ')}.`;
  if (replicas.length === expectedReplicas) return undefined;
  return `It has ${replicas.length + 1} of ${expectedReplicas + 1} replicas.`;
}

/** The lag of a replica that is current moves all the time and says nothing. */
function statusOf({ created, cluster, replicas }: Found): Readonly<Record<string, unknown>> {
  const shown = replicas.map(({ name, current, offline, lag }) => ({
    name,
    current,
    ...(offline ? { offline } : {}),
    ...(current ? {} : { lag }),
  }));
  return {
    created,
    ...(cluster === undefined ? {} : { cluster: { ...cluster, replicas: shown } }),
  };
}
