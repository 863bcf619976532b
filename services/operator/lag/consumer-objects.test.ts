import { describe, expect, test } from '@jest/globals';
import { consumers, natsClusters } from '../api/kinds.ts';
import type { Cache } from '../control/cache.ts';
import { type KubeObject, keyOf, type Resource } from '../control/objects.ts';
import { consumersIn } from './consumer-objects.ts';

const asset = { streamName: 'ORDERS', durableName: 'worker' };
function object(kind: string, name: string, spec: object, metadata = {}): KubeObject {
  const apiVersion = 'windlass.dev/v1alpha1';
  return { apiVersion, kind, metadata: { name, namespace: 'shop', ...metadata }, spec };
}

function cacheOf(...objects: readonly KubeObject[]): Cache {
  const of = ({ kind }: Resource) => objects.filter((each) => each.kind === kind);
  return {
    get: (resource, key) => of(resource).find((each) => keyOf(each) === key),
    list: (resource, namespace) =>
      of(resource).filter(({ metadata }) => metadata.namespace === namespace),
    find: () => [],
  };
}
const cluster = object(natsClusters.kind, 'main', {
  version: '2.15.1',
  storage: { size: '1Gi' },
  accounts: [{ name: 'SHOP' }],
});
const found = (spec: object, metadata = {}) =>
  consumersIn(
    cacheOf(cluster, object(consumers.kind, 'one', { ...asset, ...spec }, metadata)),
    'shop',
    undefined,
  );

describe('consumersIn', () => {
  test('knows the cluster and the account that a clusterRef means', () => {
    expect(found({ clusterRef: { name: 'main' } })).toMatchObject([
      { name: 'one', stream: 'ORDERS', durable: 'worker', cluster: 'main', account: 'SHOP' },
    ]);
    expect(found({ clusterRef: { name: 'main', account: 'BILLS' } })).toMatchObject([
      { cluster: 'main', account: 'BILLS' },
    ]);
  });

  test('knows the Account object, or nothing but servers', () => {
    expect(found({ account: 'nack' })).toMatchObject([{ cluster: undefined, account: 'nack' }]);
    expect(found({ servers: ['nats://a:4222'] })).toMatchObject([
      { cluster: undefined, account: undefined },
    ]);
  });

  test('leaves out what is being deleted and what cannot be read', () => {
    const deletionTimestamp = '2026-01-01T00:00:00Z';
    expect(found({ clusterRef: { name: 'main' } }, { deletionTimestamp })).toEqual([]);
    expect(found({ durableName: '' })).toEqual([]);
    expect(consumersIn(cacheOf(object(consumers.kind, 'one', asset)), 'shop', undefined)).toEqual(
      [],
    );
  });

  test('sees that two objects mean the same consumer, and that two mean different ones', () => {
    const identity = (spec: object) => found(spec)[0]?.identity;
    const main = identity({ clusterRef: { name: 'main' } });
    expect(identity({ clusterRef: { name: 'main', account: 'SHOP' } })).toBe(main);
    const others = [
      { clusterRef: { name: 'main', account: 'BILLS' } },
      { clusterRef: { name: 'main', namespace: 'other' } },
      { clusterRef: { name: 'main' }, streamName: 'OTHER' },
      { clusterRef: { name: 'main' }, jsDomain: 'hub' },
      { servers: ['nats://a:4222'] },
      { account: 'nack' },
    ];
    const all = new Set([main, ...others.map(identity)]);
    expect(all.size).toBe(7);
  });
});
