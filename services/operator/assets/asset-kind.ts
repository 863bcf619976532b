import type { z } from 'zod';
import type { asset } from '../api/connection.ts';
import { type Context, type Kind, type Plan, ReconcileError } from '../control/kind.ts';
import { type Key, type KubeObject, keyOf, type Resource } from '../control/objects.ts';
import { type AssetAction, type AssetFacts, assetPlan, type Found } from './asset-plan.ts';
import { type AssetParts, watchesOf } from './asset-watches.ts';
import { type Config, type Difference, differences, type Wanted } from './differences.ts';
import type { Answer, JetStream, Mandate } from './jet-stream.ts';
import { consumerNotFound, JetStreamError, refusalOf, streamNotFound } from './jet-stream-error.ts';
import { endpointOf } from './object-endpoint.ts';
import { ownerOf, stampOf } from './ownership.ts';
import { nameOf, rivalsOf, winnerOf } from './rivals.ts';
import { isGoing, wasReady } from './standing.ts';

export type AssetSpec = z.output<z.ZodObject<typeof asset>>;

export interface AssetRequest {
  readonly api: string;
  readonly body?: unknown;
}

/** What one kind of asset supplies. */
export interface AssetDefinition<Spec extends AssetSpec> {
  readonly resource: Resource;
  /** Kinds whose objects may claim the same asset, this one included. */
  readonly rivals: readonly Resource[];
  readonly specOf: (object: KubeObject) => Spec;
  /** `STREAM` or `STREAM/CONSUMER`. */
  readonly assetIdOf: (spec: Spec) => string;
  /** `stream ORDERS`, for people. */
  readonly whatOf: (spec: Spec) => string;
  readonly specNames: Readonly<Record<string, string>>;
  readonly wantedOf: (spec: Spec, stamp: Readonly<Record<string, string>>) => Wanted;
  readonly immutable: (wanted: Config, found: Config) => readonly string[];
  readonly foundOf: (answer: Answer) => Found;
  readonly infoApi: (spec: Spec) => string;
  /** In the order in which they are asked for. */
  readonly requests: (spec: Spec, action: AssetAction) => readonly AssetRequest[];
  /** Something else that must be there first, if it is known not to be. */
  readonly waitsFor?: (object: KubeObject, spec: Spec, context: Context) => string | undefined;
}

/** For so long, the answer to a change serves the look that follows it. */
const freshMs = 2_000;
/** Nothing tells of messages that come and go: the figures are as old as this at most. */
const figuresMs = 60_000;
const memoryLimit = 20_000;

/** What is known of an object between two looks. It may be lost without harm. */
interface Memory {
  readonly answer: { readonly found: Found; readonly until: number } | undefined;
  readonly kept: readonly Difference[];
}

export function assetKind<Spec extends AssetSpec>(
  definition: AssetDefinition<Spec>,
  parts: AssetParts,
): Kind<AssetFacts, AssetAction> {
  const memories = new Map<Key, Memory>();
  return {
    resource: definition.resource,
    watches: watchesOf(definition.resource, definition.rivals, parts),
    needsFinalizer: (object) => deletionOf(definition.specOf(object)) !== 'Retain',
    observe: (object, context) => observe(definition, parts, memories, object, context),
    plan: (object, facts) => planOf(definition, object, facts),
    act: (action, object, context) => act(definition, parts, memories, action, object, context),
  };
}

function deletionOf({ preventDelete, deletionPolicy }: AssetSpec) {
  return preventDelete ? 'Retain' : deletionPolicy;
}

function planOf<Spec extends AssetSpec>(
  definition: AssetDefinition<Spec>,
  object: KubeObject,
  facts: AssetFacts,
): Plan<AssetAction> {
  const spec = definition.specOf(object);
  const plan = assetPlan(object, facts, {
    what: definition.whatOf(spec),
    deletion: deletionOf(spec),
    isUpdatePrevented: spec.preventUpdate,
    wasReady: wasReady(object),
    specNames: definition.specNames,
    immutable: definition.immutable,
  });
  const hasFigures = plan.phase !== 'progressing' && facts.kind === 'seen' && facts.found;
  return hasFigures ? { requeueAfterMs: figuresMs, ...plan } : plan;
}

async function observe<Spec extends AssetSpec>(
  definition: AssetDefinition<Spec>,
  parts: AssetParts,
  memories: Map<Key, Memory>,
  object: KubeObject,
  context: Context,
): Promise<AssetFacts> {
  const spec = definition.specOf(object);
  const isDeleted = object.metadata.deletionTimestamp !== undefined;
  if (isDeleted && deletionOf(spec) === 'Retain') {
    return { kind: 'released', why: 'What it made is kept.' };
  }
  const going = isDeleted ? isGoing(object, context.cache, parts.defaultConnection) : undefined;
  if (going !== undefined) return { kind: 'released', why: going };
  const message = isDeleted ? undefined : definition.waitsFor?.(object, spec, context);
  if (message !== undefined) return { kind: 'waiting', reason: 'StreamNotFound', message };
  const opened = await open(parts, object, context, isDeleted);
  if (opened === undefined) return { kind: 'released', why: 'Its cluster or Secret is gone.' };
  return look(definition, parts, memories, object, context, opened);
}

/** Undefined when the object goes and what led to the asset has gone before it. */
async function open(
  parts: AssetParts,
  object: KubeObject,
  context: Context,
  isDeleted: boolean,
): Promise<JetStream | undefined> {
  try {
    return await connected(parts, object, context);
  } catch (error) {
    const reason = error instanceof ReconcileError ? error.reason : '';
    const gone = ['ClusterNotFound', 'AccountNotFound', 'SecretNotFound', 'NoConnection'];
    if (isDeleted && gone.includes(reason)) return undefined;
    throw error;
  }
}

async function connected(
  { connections, lookup, defaultConnection }: AssetParts,
  object: KubeObject,
  context: Context,
): Promise<JetStream> {
  return connections.open(await endpointOf(object, lookup, context, defaultConnection));
}

async function look<Spec extends AssetSpec>(
  definition: AssetDefinition<Spec>,
  parts: AssetParts,
  memories: Map<Key, Memory>,
  object: KubeObject,
  context: Context,
  jetStream: JetStream,
): Promise<AssetFacts> {
  const spec = definition.specOf(object);
  const memory = memories.get(keyOf(object));
  const answer = memory?.answer;
  let found: Found | undefined;
  if (answer !== undefined && answer.until > performance.now()) {
    found = answer.found;
    memories.set(keyOf(object), { answer: undefined, kept: memory?.kept ?? [] });
  } else {
    const info = await ask(jetStream, definition.infoApi(spec), definition.whatOf(spec));
    if (info === 'no stream' && object.metadata.deletionTimestamp === undefined) {
      const message = `The stream of the ${definition.whatOf(spec)} is not there yet.`;
      if (definition.waitsFor) return { kind: 'waiting', reason: 'StreamNotFound', message };
    }
    found = typeof info === 'string' ? undefined : definition.foundOf(info);
  }
  const owner = found === undefined ? undefined : ownerOf(found.config);
  const rivals = rivalsOf({
    object,
    owner,
    assetId: definition.assetIdOf(spec),
    target: jetStream.target,
    resources: definition.rivals,
    cache: context.cache,
    byDefault: parts.defaultConnection,
  });
  const winner = winnerOf(object, rivals);
  return {
    kind: 'seen',
    wanted: definition.wantedOf(spec, stampOf(object)),
    found,
    owner,
    winner: winner === undefined ? undefined : nameOf(winner),
    hasRival: rivals.length > 0,
    kept: memory?.kept ?? [],
  };
}

async function ask(
  jetStream: JetStream,
  api: string,
  what: string,
): Promise<Answer | 'no stream' | 'not there'> {
  try {
    return await jetStream.ask(api);
  } catch (error) {
    if (!(error instanceof JetStreamError)) throw error;
    if (error.errCode === streamNotFound) return 'no stream';
    if (error.errCode === consumerNotFound) return 'not there';
    throw refusalOf(error, `describe the ${what}`);
  }
}

async function act<Spec extends AssetSpec>(
  definition: AssetDefinition<Spec>,
  parts: AssetParts,
  memories: Map<Key, Memory>,
  action: AssetAction,
  object: KubeObject,
  context: Context,
): Promise<void> {
  const spec = definition.specOf(object);
  const jetStream = await connected(parts, object, context);
  const key = keyOf(object);
  const mandate = { object: `${object.kind} ${key}`, context };
  for (const request of definition.requests(spec, action)) {
    const answer = await change(jetStream, request, action, mandate);
    // An answer without it says nothing of what is there now.
    memories.delete(key);
    if (answer?.config === undefined) continue;
    const found = definition.foundOf(answer);
    const kept = differences(definition.wantedOf(spec, stampOf(object)), found.config);
    if (memories.size >= memoryLimit) memories.clear();
    memories.set(key, { answer: { found, until: performance.now() + freshMs }, kept });
  }
  if (!action.isRepair) return;
  parts.onRepair?.(definition.resource.kind);
  const done = action.kind === 'create' ? 'It was gone and is made again' : 'Changed back';
  const fields = action.fields.length === 0 ? '' : `: ${action.fields.join(', ')}`;
  context.event('Normal', 'DriftRepaired', `${done}${fields}.`);
}

/** Undefined when it was deleted meanwhile, which is what was wanted. */
async function change(
  jetStream: JetStream,
  { api, body }: AssetRequest,
  action: AssetAction,
  mandate: Mandate,
): Promise<Answer | undefined> {
  try {
    return await jetStream.change(api, body, mandate);
  } catch (error) {
    if (!(error instanceof JetStreamError)) throw error;
    const isGone = [streamNotFound, consumerNotFound].includes(error.errCode);
    if (action.kind === 'delete' && isGone) return undefined;
    throw refusalOf(error, action.describe);
  }
}
