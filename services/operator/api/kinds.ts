import type { Resource } from '../control/objects.ts';

export const group = 'windlass.dev';
export const version = 'v1alpha1';

function ours(plural: string, kind: string): Resource {
  return { group, version, plural, kind, namespaced: true };
}

export const natsClusters = ours('natsclusters', 'NatsCluster');
export const streams = ours('streams', 'Stream');
export const consumers = ours('consumers', 'Consumer');
export const keyValues = ours('keyvalues', 'KeyValue');
export const objectStores = ours('objectstores', 'ObjectStore');
export const natsUsers = ours('natsusers', 'NatsUser');
export const accounts = ours('accounts', 'Account');
