import { describe, expect, test } from '@jest/globals';
import { certificateOrder, isOrdered } from './certificate-order.ts';

const order = certificateOrder({
  metadata: { name: 'nats-server-tls', namespace: 'shop' },
  secretName: 'nats-server-tls',
  commonName: 'nats',
  dnsNames: ['nats.shop.svc'],
  ipAddresses: ['127.0.0.1'],
  tls: {
    mode: 'CertManager',
    issuerRef: { name: 'authority', kind: 'ClusterIssuer', group: 'cert-manager.io' },
    duration: '2160h',
    renewBefore: '30m',
  },
});

describe('an order to cert-manager', () => {
  test('is a Certificate for both ends of a connection, with a new key each time', () => {
    expect(order).toMatchObject({
      apiVersion: 'cert-manager.io/v1',
      kind: 'Certificate',
      spec: {
        duration: '7776000s',
        renewBefore: '1800s',
        usages: ['digital signature', 'server auth', 'client auth'],
        privateKey: { algorithm: 'ECDSA', rotationPolicy: 'Always' },
        issuerRef: { name: 'authority', kind: 'ClusterIssuer' },
      },
    });
  });

  const spec = order.spec as object;
  const cases: Readonly<Record<string, [unknown, boolean]>> = {
    'stands when it is there': [spec, true],
    'stands when others have added to it': [{ ...spec, revisionHistoryLimit: 1 }, true],
    'does not stand when a field is another': [{ ...spec, duration: '1h' }, false],
    'does not stand when a name is missing': [{ ...spec, dnsNames: [] }, false],
    'does not stand when it is absent': [undefined, false],
  };
  test.each(Object.entries(cases))('%s', (_, [stored, stands]) => {
    expect(isOrdered(spec, stored)).toBe(stands);
  });
});
