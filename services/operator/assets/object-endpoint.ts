import { type AccountSpec, accountSpec } from '../api/account.ts';
import { accounts, natsClusters } from '../api/kinds.ts';
import { specOf } from '../api/read.ts';
import { ReconcileError } from '../control/kind.ts';
import type { Key, KubeObject } from '../control/objects.ts';
import { splitKey } from '../control/objects.ts';
import { checkNamespace, clusterEndpoint, systemAccount } from './cluster-endpoint.ts';
import { apiPrefixOf, type Endpoint } from './endpoint.ts';
import type { Lookup, LookupContext } from './lookup.ts';
import {
  type ConnectionSpec,
  connectionSpecOf,
  type DefaultConnection,
  placeOf,
  targetOf,
} from './place.ts';

/**
 * Where the asset of an object is. What is missing or forbidden is a ReconcileError with a
 * reason of its own.
 */
export async function endpointOf(
  object: KubeObject,
  lookup: Lookup,
  context: LookupContext,
  byDefault: DefaultConnection | undefined,
): Promise<Endpoint> {
  const spec = connectionSpecOf(object);
  const place = placeOf(object, context.cache, byDefault);
  const own = { apiPrefix: apiPrefixOf(spec.jsDomain) };
  switch (place.kind) {
    case 'cluster': {
      const cluster = context.cache.get(natsClusters, place.cluster);
      checkNamespace(cluster, object.metadata.namespace ?? '', place.cluster);
      if (place.account === systemAccount) throw ownAccount(place.cluster);
      const endpoint = await clusterEndpoint(lookup, context, place);
      return { ...endpoint, ...own, target: targetOf(place, spec) };
    }
    case 'account': {
      const given = await accountEndpoint(place.account, spec, lookup, context);
      const target = targetOf(place, spec);
      return { ...given, ...own, target };
    }
    case 'servers': {
      const { servers } = place;
      // The operator's own credentials never go to servers that an object names.
      const given = await filesOf(spec, lookup, spec.servers.length > 0 ? undefined : byDefault);
      return { ...given, ...own, servers, target: targetOf(place, spec) };
    }
  }
}

function ownAccount(cluster: Key): ReconcileError {
  const text = `The account ${systemAccount} of NatsCluster ${cluster} is the operator's own.`;
  return new ReconcileError('AccountNotFound', text, { isStalled: true });
}

type Means = Pick<Endpoint, 'servers' | 'tls' | 'credentials'>;

async function accountEndpoint(
  key: Key,
  asset: ConnectionSpec,
  lookup: Lookup,
  context: LookupContext,
): Promise<Means> {
  const object = context.cache.get(accounts, key);
  if (object === undefined) {
    throw new ReconcileError('AccountNotFound', `Account ${key} is not there.`);
  }
  const spec = specOf(accountSpec, object);
  const servers = spec.servers.length > 0 ? spec.servers : asset.servers;
  if (servers.length === 0) {
    const text = `Neither Account ${key} nor the object names servers.`;
    throw new ReconcileError('NoConnection', text, { isStalled: true });
  }
  const { namespace = '' } = splitKey(key);
  const value = (secret: { name: string } | undefined, field: string | undefined) =>
    secret === undefined || field === undefined || field === ''
      ? undefined
      : lookup.secretValue(`${namespace}/${secret.name}`, field, context);
  const credentials = await accountCredentials(spec, value);
  const { secret, ca, cert, key: keyField } = spec.tls ?? {};
  const [caText, certText, keyText] = await Promise.all([
    value(secret, ca),
    value(secret, cert),
    value(secret, keyField),
  ]);
  const handshakeFirst = spec.tlsFirst || asset.tlsFirst;
  return { servers, ...credentials, ...tlsOf(caText, certText, keyText, handshakeFirst) };
}

type SecretValue = (
  secret: { name: string } | undefined,
  field: string | undefined,
) => Promise<string> | undefined;

async function accountCredentials(
  { creds, nkey, token, user }: AccountSpec,
  value: SecretValue,
): Promise<Pick<Endpoint, 'credentials'>> {
  const text = await value(creds?.secret, creds?.file);
  if (text !== undefined) return { credentials: { kind: 'creds', text } };
  const seed = await value(nkey?.secret, nkey?.seed);
  if (seed !== undefined) return { credentials: { kind: 'nkey', seed } };
  const secretToken = await value(token?.secret, token?.token);
  if (secretToken !== undefined) return { credentials: { kind: 'token', token: secretToken } };
  const name = await value(user?.secret, user?.user);
  const password = await value(user?.secret, user?.password);
  if (name === undefined || password === undefined) return {};
  return { credentials: { kind: 'password', user: name, password } };
}

async function filesOf(
  spec: ConnectionSpec,
  lookup: Lookup,
  byDefault: DefaultConnection | undefined,
): Promise<Omit<Means, 'servers'>> {
  const hasOwn = spec.creds !== '' || spec.nkey !== '';
  const creds = hasOwn ? spec.creds : (byDefault?.creds ?? '');
  const nkey = hasOwn ? spec.nkey : (byDefault?.nkey ?? '');
  const { clientCert = '', clientKey = '', rootCas = [] } = spec.tls ?? {};
  const file = (path: string) => (path === '' ? undefined : lookup.file(path));
  const [text, seed, cert, key, ...cas] = await Promise.all([
    file(creds),
    file(nkey),
    file(clientCert),
    file(clientKey),
    ...rootCas.map((path) => lookup.file(path)),
  ]);
  const ca = cas.length === 0 ? undefined : cas.join('\n');
  return {
    ...(text === undefined ? {} : { credentials: { kind: 'creds', text } as const }),
    ...(seed === undefined ? {} : { credentials: { kind: 'nkey', seed } as const }),
    ...tlsOf(ca, cert, key, spec.tlsFirst),
  };
}

function tlsOf(
  ca: string | undefined,
  cert: string | undefined,
  key: string | undefined,
  handshakeFirst: boolean,
): Pick<Endpoint, 'tls'> {
  const tls = {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(handshakeFirst ? { handshakeFirst } : {}),
  };
  return Object.keys(tls).length === 0 ? {} : { tls };
}
