import { pod, pods } from '../api/core.ts';
import { natsClusters } from '../api/kinds.ts';
import { type NatsClusterSpec, natsClusterSpec } from '../api/nats-cluster.ts';
import { objectOf, specOf } from '../api/read.ts';
import { ReconcileError } from '../control/kind.ts';
import { type Key, type KubeObject, splitKey } from '../control/objects.ts';
import type { Endpoint } from './endpoint.ts';
import type { Lookup, LookupContext } from './lookup.ts';

export const clusterLabel = 'windlass.dev/cluster';
/** The account of the operator itself in every cluster. */
export const systemAccount = 'SYS';
const clientPort = 4222;

/**
 * An account of a NatsCluster, by the addresses of its pods. Its own name resolves only where
 * the operator runs inside of Kubernetes, and one server that is stopping must not matter.
 */
export async function clusterEndpoint(
  lookup: Lookup,
  context: LookupContext,
  place: { readonly cluster: Key; readonly account: string | undefined },
): Promise<Endpoint> {
  const object = context.cache.get(natsClusters, place.cluster);
  if (object === undefined) {
    throw new ReconcileError('ClusterNotFound', `NatsCluster ${place.cluster} is not there.`);
  }
  const spec = specOf(natsClusterSpec, object);
  const account = accountIn(spec, place);
  const { namespace = '', name } = object.metadata;
  const field = account === systemAccount ? 'system.seed' : `account.${account}.seed`;
  const seed = await lookup.secretValue(`${namespace}/${name}-operator`, field, context);
  const ca = await caOf(lookup, context, spec, place.cluster);
  const servers = addressesOf(object, context);
  if (servers.length === 0) {
    const text = `No pod of NatsCluster ${place.cluster} has an address yet.`;
    throw new ReconcileError('ClusterNotReady', text);
  }
  return {
    target: `NatsCluster ${place.cluster}, account ${account}`,
    servers,
    currentServers: () => addressesOf(object, context),
    credentials: { kind: 'nkey', seed },
    apiPrefix: '$JS.API',
    ...(ca === undefined ? {} : { tls: { ca, servername: `${name}.${namespace}.svc` } }),
  };
}

/** Objects of another namespace may refer to a cluster only when it says so. */
export function checkNamespace(cluster: KubeObject | undefined, from: string, key: Key): void {
  if (cluster === undefined || splitKey(key).namespace === from) return;
  const { allowedNamespaces } = specOf(natsClusterSpec, cluster);
  if (allowedNamespaces.from === 'All') return;
  if (allowedNamespaces.from === 'Names' && allowedNamespaces.names.includes(from)) return;
  throw new ReconcileError(
    'NamespaceNotAllowed',
    `NatsCluster ${key} does not allow objects of the namespace ${from}.`,
    { isStalled: true },
  );
}

function accountIn(
  spec: NatsClusterSpec,
  { cluster, account = spec.accounts[0]?.name }: { cluster: Key; account: string | undefined },
): string {
  const isKnown = account === systemAccount || spec.accounts.some(({ name }) => name === account);
  if (account !== undefined && isKnown) return account;
  const text = `NatsCluster ${cluster} has no account ${account}.`;
  throw new ReconcileError('AccountNotFound', text, { isStalled: true });
}

async function caOf(
  lookup: Lookup,
  context: LookupContext,
  { tls }: NatsClusterSpec,
  cluster: Key,
): Promise<string | undefined> {
  if (tls.mode === 'Disabled') return undefined;
  const ca = await lookup.configMapValue(`${cluster}-ca`, 'ca.crt', context);
  if (ca !== undefined) return ca;
  throw new ReconcileError('ClusterNotReady', `ConfigMap ${cluster}-ca is not there yet.`);
}

function addressesOf({ metadata }: KubeObject, { cache }: LookupContext): readonly string[] {
  const { name, namespace } = metadata;
  return cache
    .list(pods, namespace)
    .filter((each) => each.metadata.labels?.[clusterLabel] === name)
    .flatMap((each) => objectOf(pod, each).status.podIP ?? [])
    .map((ip) => `nats://${ip.includes(':') ? `[${ip}]` : ip}:${clientPort}`);
}
