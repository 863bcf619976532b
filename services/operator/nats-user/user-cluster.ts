import { natsClusters } from '../api/kinds.ts';
import { natsClusterSpec } from '../api/nats-cluster.ts';
import { natsClusterStatus } from '../api/nats-cluster-status.ts';
import type { NatsUserSpec } from '../api/nats-user.ts';
import { specOf, statusOf } from '../api/read.ts';
import { checkNamespace, systemAccount } from '../assets/cluster-endpoint.ts';
import type { Lookup } from '../assets/lookup.ts';
import { type Context, ReconcileError } from '../control/kind.ts';
import type { KubeObject } from '../control/objects.ts';
import { inboxPrefixOf } from './permissions.ts';
import type { UserFacts } from './user-plan.ts';
import { clusterKeyOf } from './user-watches.ts';

const clientPort = 4222;

/** What a user's programs need to know of its cluster, or why it has no place there. */
export async function clusterOf(
  object: KubeObject,
  spec: NatsUserSpec,
  lookup: Lookup,
  context: Pick<Context, 'cache' | 'kube'>,
): Promise<UserFacts['cluster']> {
  try {
    return { kind: 'known', values: await valuesOf(object, spec, lookup, context) };
  } catch (error) {
    if (!(error instanceof ReconcileError)) throw error;
    const { reason, message, isStalled } = error;
    return { kind: 'problem', reason, message, isStalled };
  }
}

async function valuesOf(
  object: KubeObject,
  spec: NatsUserSpec,
  lookup: Lookup,
  context: Pick<Context, 'cache' | 'kube'>,
) {
  const key = clusterKeyOf(object) ?? '';
  const cluster = context.cache.get(natsClusters, key);
  if (cluster === undefined) {
    throw new ReconcileError('ClusterNotFound', `NatsCluster ${key} is not there.`);
  }
  checkNamespace(cluster, object.metadata.namespace ?? '', key);
  const clusterSpec = specOf(natsClusterSpec, cluster);
  const { account = clusterSpec.accounts[0]?.name ?? '' } = spec.clusterRef;
  const isKnown = clusterSpec.accounts.some(({ name }) => name === account);
  if (!isKnown || account === systemAccount) {
    const text = `NatsCluster ${key} has no account ${account} for users.`;
    throw new ReconcileError('AccountNotFound', text, { isStalled: true });
  }
  const hasTls = clusterSpec.tls.mode !== 'Disabled';
  const ca = hasTls ? await lookup.configMapValue(`${key}-ca`, 'ca.crt', context) : undefined;
  if (hasTls && ca === undefined) {
    throw new ReconcileError('ClusterNotReady', `ConfigMap ${key}-ca is not there yet.`);
  }
  const { namespace = '', name } = cluster.metadata;
  const { url = `nats://${name}.${namespace}.svc:${clientPort}` } = statusOf(
    natsClusterStatus,
    cluster,
  );
  return { url, account, inboxPrefix: inboxPrefixOf(spec, object.metadata), ca };
}
