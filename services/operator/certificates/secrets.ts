import { configMaps, secrets } from '../api/core.ts';
import type { NatsClusterSpec } from '../api/nats-cluster.ts';
import { apiVersionOf, type KubeObject, type ObjectMeta } from '../control/objects.ts';
import { certificateOrder } from './certificate-order.ts';
import type { KeyPair } from './issue.ts';
import { serverAddresses, serverNames } from './server-names.ts';
import { type Authority, annotations, bundleOf, files } from './stored.ts';

/** Whose certificates they are, and what its object says of them. */
export interface CertificateOwner {
  readonly name: string;
  readonly namespace: string;
  /** Of the owning object: its children go with it. */
  readonly owner: {
    readonly apiVersion: string;
    readonly kind: string;
    readonly uid: string;
  };
  readonly labels: Readonly<Record<string, string>>;
  readonly tls: NatsClusterSpec['tls'];
  /** Value of the annotation `windlass.dev/rotate`: another one asks for another authority. */
  readonly rotate?: string | undefined;
}

/** Names of the objects that hold the certificates of a cluster. */
export function certificateObjects({ name, tls }: Pick<CertificateOwner, 'name' | 'tls'>) {
  const server = tls.mode === 'Secret' ? (tls.secretName ?? '') : `${name}-server-tls`;
  return { authority: `${name}-ca`, server, bundle: `${name}-ca`, order: server };
}

export function authoritySecret(
  owner: CertificateOwner,
  authority: Pick<Authority, 'pair' | 'previous' | 'issuesFrom' | 'rotated'>,
): KubeObject {
  const { pair, previous, issuesFrom, rotated } = authority;
  const stated = {
    ...(issuesFrom === undefined
      ? {}
      : { [annotations.issuesFrom]: new Date(issuesFrom).toISOString() }),
    ...(rotated === undefined ? {} : { [annotations.rotated]: rotated }),
  };
  return {
    ...tlsSecret(metadataOf(owner, certificateObjects(owner).authority, stated), {
      [files.certificate]: pair.certificate,
      [files.key]: pair.key,
      ...(previous.length === 0 ? {} : { [files.previous]: previous.join('') }),
    }),
  };
}

export function serverSecret(
  owner: CertificateOwner,
  pair: KeyPair,
  authority: Pick<Authority, 'pair' | 'previous'>,
): KubeObject {
  return tlsSecret(metadataOf(owner, certificateObjects(owner).server), {
    [files.certificate]: pair.certificate,
    [files.key]: pair.key,
    [files.bundle]: bundleOf(authority),
  });
}

/** What clients trust, where whoever may read ConfigMaps finds it. */
export function bundleConfigMap(owner: CertificateOwner, bundle: string): KubeObject {
  return {
    apiVersion: apiVersionOf(configMaps),
    kind: configMaps.kind,
    metadata: metadataOf(owner, certificateObjects(owner).bundle),
    data: { [files.bundle]: bundle },
  };
}

/** What cert-manager is asked for. */
export function orderOf(owner: CertificateOwner): KubeObject {
  const { name, namespace, tls } = owner;
  const { order } = certificateObjects(owner);
  return certificateOrder({
    metadata: metadataOf(owner, order),
    secretName: order,
    commonName: name.slice(0, 64),
    dnsNames: serverNames(name, namespace),
    ipAddresses: serverAddresses,
    tls,
  });
}

function tlsSecret(metadata: ObjectMeta, texts: Readonly<Record<string, string>>): KubeObject {
  const data = Object.entries(texts).map(([key, text]) => [
    key,
    Buffer.from(text).toString('base64'),
  ]);
  return {
    apiVersion: apiVersionOf(secrets),
    kind: secrets.kind,
    type: 'kubernetes.io/tls',
    metadata,
    data: Object.fromEntries(data),
  };
}

function metadataOf(
  { name, namespace, owner, labels }: CertificateOwner,
  child: string,
  stated: Readonly<Record<string, string>> = {},
): ObjectMeta {
  return {
    name: child,
    namespace,
    labels,
    ...(Object.keys(stated).length === 0 ? {} : { annotations: stated }),
    ownerReferences: [{ ...owner, name, controller: true, blockOwnerDeletion: true }],
  };
}
