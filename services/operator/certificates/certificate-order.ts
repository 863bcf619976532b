import { certificates } from '../api/core.ts';
import { millisecondsOf } from '../api/duration.ts';
import type { NatsClusterSpec } from '../api/nats-cluster.ts';
import { apiVersionOf, type KubeObject, type ObjectMeta } from '../control/objects.ts';

export interface CertificateOrder {
  readonly metadata: ObjectMeta;
  readonly secretName: string;
  readonly commonName: string;
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly tls: NatsClusterSpec['tls'];
}

/**
 * The Certificate of cert-manager.io/v1 from which its controller keeps the Secret current. Only
 * authorities that write `ca.crt` into the Secret serve a cluster: its servers check each other.
 */
export function certificateOrder(order: CertificateOrder): KubeObject {
  const { tls, secretName, commonName, dnsNames, ipAddresses } = order;
  return {
    apiVersion: apiVersionOf(certificates),
    kind: certificates.kind,
    metadata: order.metadata,
    spec: {
      secretName,
      commonName,
      dnsNames: [...dnsNames],
      ipAddresses: [...ipAddresses],
      usages: ['digital signature', 'server auth', 'client auth'],
      duration: seconds(tls.duration),
      renewBefore: seconds(tls.renewBefore),
      privateKey: { algorithm: 'ECDSA', size: 256, encoding: 'PKCS8', rotationPolicy: 'Always' },
      issuerRef: { ...tls.issuerRef },
    },
  };
}

/** Whether a stored object says what the order says; what others have added does not matter. */
export function isOrdered(order: unknown, stored: unknown): boolean {
  if (typeof order !== 'object' || order === null) return order === stored;
  if (typeof stored !== 'object' || stored === null) return false;
  if (Array.isArray(order)) {
    if (!Array.isArray(stored) || order.length !== stored.length) return false;
    return order.every((each, index) => isOrdered(each, stored[index]));
  }
  const found = new Map(Object.entries(stored));
  return Object.entries(order).every(([key, value]) => isOrdered(value, found.get(key)));
}

/** As Go writes a duration, whatever unit the spec has. */
function seconds(duration: string): string {
  return `${Math.floor(millisecondsOf(duration) / 1_000)}s`;
}
