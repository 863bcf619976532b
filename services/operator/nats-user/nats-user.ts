import { newUserKey } from '@windlass/runtime/broker/nkeys.ts';
import { secrets } from '../api/core.ts';
import { natsUsers } from '../api/kinds.ts';
import { type NatsUserSpec, natsUserSpec } from '../api/nats-user.ts';
import { specOf } from '../api/read.ts';
import { clusterEndpoint } from '../assets/cluster-endpoint.ts';
import type { Lookup } from '../assets/lookup.ts';
import { type Context, type Kind, ReconcileError } from '../control/kind.ts';
import { type KubeObject, keyOf } from '../control/objects.ts';
import type { KeyProofs, Proof } from './key-proofs.ts';
import { inboxPrefixOf } from './permissions.ts';
import { clusterOf } from './user-cluster.ts';
import { planUser, secretNameOf, type UserAction, type UserFacts } from './user-plan.ts';
import { ownerOf, readUser, renderUser, type Seeds, seedsOf } from './user-secret.ts';
import { clusterKeyOf, userWatches } from './user-watches.ts';

export interface NatsUserParts {
  readonly lookup: Lookup;
  readonly proofs: KeyProofs;
}

/**
 * A user of a cluster: its key in a Secret, and in its status what the servers have to accept,
 * from which the cluster's configuration is made. Its Secret goes with it, and its keys with the
 * next configuration, so that it needs no finalizer.
 */
export function natsUserKind(parts: NatsUserParts): Kind<UserFacts, UserAction> {
  return {
    resource: natsUsers,
    watches: userWatches,
    needsFinalizer: () => false,
    observe: (object, context) => observe(object, context, parts),
    plan: planUser,
    act,
  };
}

async function observe(
  object: KubeObject,
  context: Context,
  parts: NatsUserParts,
): Promise<UserFacts> {
  const spec = specOf(natsUserSpec, object);
  const stored = await storedSecret(secretNameOf(object, spec), object, context);
  const secret = stored === undefined ? { kind: 'absent' as const } : secretFacts(stored, object);
  const cluster = await clusterOf(object, spec, parts.lookup, context);
  const proof =
    cluster.kind === 'known' && secret.kind === 'ours' && stored !== undefined
      ? await prove(object, spec, cluster.values.account, stored, context, parts)
      : ({ kind: 'unreachable', message: 'there is no key yet' } as const);
  return { now: context.now(), secret, cluster, proof };
}

/** The cache has only what carries our label; what somebody else made is found by its name. */
async function storedSecret(
  name: string,
  { metadata }: KubeObject,
  { cache, kube }: Pick<Context, 'cache' | 'kube'>,
): Promise<KubeObject | undefined> {
  const place = { namespace: metadata.namespace ?? '', name };
  return cache.get(secrets, `${place.namespace}/${name}`) ?? (await kube.get(secrets, place));
}

function secretFacts(stored: KubeObject, object: KubeObject): UserFacts['secret'] {
  const kind = ownerOf(stored, object);
  return kind === 'ours' ? { kind, ...readUser(stored) } : { kind };
}

/** Of the next key, or of the present one when there is no next. */
async function prove(
  object: KubeObject,
  spec: NatsUserSpec,
  account: string,
  stored: KubeObject,
  context: Context,
  { lookup, proofs }: NatsUserParts,
): Promise<Proof> {
  const { keys } = readUser(stored);
  const seeds = seedsOf(stored);
  const seed = keys.next === undefined ? seeds.current : seeds.next;
  const publicKey = keys.next ?? keys.current;
  if (seed === undefined || publicKey === undefined) {
    return { kind: 'unreachable', message: 'there is no key that could be tried' };
  }
  const cluster = clusterKeyOf(object) ?? '';
  try {
    const endpoint = await clusterEndpoint(lookup, context, { cluster, account });
    const inboxPrefix = inboxPrefixOf(spec, object.metadata);
    return await proofs.prove(endpoint, { seed, publicKey, inboxPrefix });
  } catch (error) {
    if (!(error instanceof ReconcileError)) throw error;
    return { kind: 'unreachable', message: error.message };
  }
}

async function act(action: UserAction, object: KubeObject, context: Context): Promise<void> {
  const { kind, secretName, record, values, resourceVersion } = action;
  if (kind === 'create') {
    const seeds = { current: newUserKey().seed, next: undefined };
    await context.kube.create(secrets, renderUser(object, secretName, { seeds, record, values }));
    context.event('Normal', 'KeyCreated', `Secret ${secretName} has a new key.`);
    return;
  }
  const stored = await storedSecret(secretName, object, context);
  if (stored === undefined || stored.metadata.resourceVersion !== resourceVersion) {
    const text = `Secret ${secretName} of ${keyOf(object)} has just been changed.`;
    throw new ReconcileError('ChangedMeanwhile', text, { retryAfterMs: 0 });
  }
  const seeds = seedsAfter(kind, seedsOf(stored));
  const wanted = renderUser(object, secretName, { seeds, record, values });
  const version = resourceVersion === undefined ? {} : { resourceVersion };
  const metadata = { ...wanted.metadata, ...version };
  await context.kube.apply(secrets, { ...wanted, metadata });
  if (kind === 'replace') {
    const text = `The key in Secret ${secretName} was spoilt; there is a new one in its place.`;
    context.event('Warning', 'KeyReplaced', text);
  }
  if (kind === 'promote') {
    context.event('Normal', 'KeyRotated', `Secret ${secretName} has the next key.`);
  }
}

function seedsAfter(kind: Exclude<UserAction['kind'], 'create'>, seeds: Seeds): Seeds {
  switch (kind) {
    case 'replace':
      return { current: newUserKey().seed, next: undefined };
    case 'add-next':
      return { ...seeds, next: newUserKey().seed };
    case 'promote':
      return { current: seeds.next ?? seeds.current, next: undefined };
    case 'write':
      return seeds;
  }
}
