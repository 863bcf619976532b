import { newUserKey, publicKeyOf } from '@windlass/runtime/broker/nkeys.ts';
import { type Secret, secret, secrets } from '../api/core.ts';
import { objectOf } from '../api/read.ts';
import { type Context, ReconcileError } from '../control/kind.ts';
import { apiVersionOf, type KubeObject } from '../control/objects.ts';
import type { CredentialsFacts, Facts } from './facts.ts';
import { children, labelsOf, type Place } from './names.ts';

const systemKey = 'system.seed';

/** Public keys of the operator's own users. A value that is no seed counts as missing. */
export function publicKeysOf({ data }: Secret): CredentialsFacts {
  const keys = Object.entries(data).flatMap(([field, value]): [string, string][] => {
    const key = publicKey(value.toString('utf8'));
    return key === undefined ? [] : [[field, key]];
  });
  const accounts = keys.flatMap(([field, key]): [string, string][] => {
    const name = /^account\.(.+)\.seed$/.exec(field)?.[1];
    return name === undefined ? [] : [[name, key]];
  });
  return {
    system: keys.find(([field]) => field === systemKey)?.[1],
    accounts: Object.fromEntries(accounts),
  };
}

function publicKey(seed: string): string | undefined {
  try {
    return publicKeyOf(seed);
  } catch {
    return undefined;
  }
}

export type CredentialsDecision =
  | { readonly kind: 'complete' }
  | { readonly kind: 'make'; readonly accounts: readonly string[] }
  | { readonly kind: 'lost'; readonly message: string };

/**
 * Keys are made once. When they are gone while servers or volumes are there, somebody has lost
 * them, or the operator does not see them: new ones would lock it out of what runs.
 */
export function credentials(facts: Facts): CredentialsDecision {
  const { spec, credentials: present, statefulSet, pods, claims, cluster } = facts;
  const { credentials: name } = children(cluster.name);
  const accounts = spec.accounts.map((account) => account.name);
  const isRunning = statefulSet !== undefined || pods.length > 0 || claims.length > 0;
  if (present?.system === undefined) {
    if (!isRunning && present === undefined) return { kind: 'make', accounts };
    const what = present === undefined ? 'is gone' : `has no seed in ${systemKey}`;
    const message = `Secret ${name} ${what} while servers or volumes are there: restore it.`;
    return { kind: 'lost', message };
  }
  const missing = accounts.filter((account) => present.accounts[account] === undefined);
  return missing.length === 0 ? { kind: 'complete' } : { kind: 'make', accounts };
}

/**
 * Adds a key for each account that has none, to whatever the Secret has by now. It is not owned
 * by the cluster: a cluster that is made again over its kept volumes needs it.
 */
export async function makeCredentials(
  cluster: Place,
  accounts: readonly string[],
  { kube }: Context,
): Promise<void> {
  const name = children(cluster.name).credentials;
  const stored = await kube.get(secrets, { namespace: cluster.namespace, name });
  const data = stored === undefined ? {} : encoded(objectOf(secret, stored).data);
  const wanted = [systemKey, ...accounts.map((account) => `account.${account}.seed`)];
  const made = wanted
    .filter((field) => data[field] === undefined)
    .map((field) => [field, Buffer.from(newUserKey().seed).toString('base64')] as const);
  if (stored !== undefined && made.some(([field]) => field === systemKey)) {
    throw new ReconcileError('CredentialsLost', `Secret ${name} has no seed in ${systemKey}.`);
  }
  const { resourceVersion } = stored?.metadata ?? {};
  const object: KubeObject = {
    apiVersion: apiVersionOf(secrets),
    kind: secrets.kind,
    metadata: {
      name,
      namespace: cluster.namespace,
      labels: labelsOf(cluster.name),
      // Whoever has written it since it was read wins, and this is tried again.
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    },
    type: 'Opaque',
    data: { ...data, ...Object.fromEntries(made) },
  };
  if (stored === undefined) await kube.create(secrets, object);
  else await kube.apply(secrets, object);
}

function encoded(data: Secret['data']): Readonly<Record<string, string>> {
  const entries = Object.entries(data).map(([key, value]) => [key, value.toString('base64')]);
  return Object.fromEntries(entries);
}
