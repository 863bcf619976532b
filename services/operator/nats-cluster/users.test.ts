import { describe, expect, test } from '@jest/globals';
import { newUserKey } from '@windlass/runtime/broker/nkeys.ts';
import type { Cache } from '../control/cache.ts';
import type { KubeObject } from '../control/objects.ts';
import { specWith } from './testing/facts.ts';
import { clusterOfUser, configuredUsers } from './users.ts';

const [newer, older] = [newUserKey().publicKey, newUserKey().publicKey];
const cluster = { namespace: 'ns', name: 'c' };

function user(namespace: string, clusterRef: object, publicKeys: readonly string[]): KubeObject {
  return {
    apiVersion: 'windlass.dev/v1alpha1',
    kind: 'NatsUser',
    metadata: { name: 'bob', namespace },
    spec: { clusterRef: { name: 'c', ...clusterRef }, role: { publishes: ['orders.>'] } },
    status: { publicKeys },
  };
}

function keysOf(users: readonly KubeObject[], spec: object = {}): readonly string[] {
  const cache: Cache = { get: () => undefined, list: () => users, find: () => [] };
  return configuredUsers(cluster, specWith(spec), cache).map(
    ({ account, publicKey }) => `${account} ${publicKey}`,
  );
}

describe('the users of a cluster', () => {
  test('have all their keys, in the first account when they name none', () => {
    expect(keysOf([user('ns', {}, [newer, older])])).toEqual([`APP ${newer}`, `APP ${older}`]);
  });

  test('are in the account that they name, and nowhere when there is none', () => {
    const accounts = [{ name: 'APP' }, { name: 'B' }];
    expect(keysOf([user('ns', { account: 'B' }, [newer])], { accounts })).toEqual([`B ${newer}`]);
    expect(keysOf([user('ns', { account: 'C' }, [newer])], { accounts })).toEqual([]);
  });

  test('come from another namespace only when the cluster allows it', () => {
    const guest = user('other', { namespace: 'ns' }, [newer]);
    expect(keysOf([guest])).toEqual([]);
    expect(keysOf([guest], { allowedNamespaces: { from: 'All' } })).toHaveLength(1);
    const named = (names: readonly string[]) => ({ allowedNamespaces: { from: 'Names', names } });
    expect(keysOf([guest], named(['other']))).toHaveLength(1);
    expect(keysOf([guest], named(['else']))).toEqual([]);
  });

  test('are left out without a key, with one that is none, and the second time', () => {
    expect(keysOf([user('ns', {}, [])])).toEqual([]);
    expect(keysOf([user('ns', {}, ['nkey'])])).toEqual([]);
    expect(keysOf([user('ns', {}, [newer]), user('ns', {}, [newer])])).toHaveLength(1);
  });

  test('tell whose they are', () => {
    expect(clusterOfUser(user('ns', {}, []))).toBe('ns/c');
    expect(clusterOfUser(user('other', { namespace: 'ns' }, []))).toBe('ns/c');
  });
});
