import { certificates, configMaps, secrets } from '../api/core.ts';
import type { NatsClusterSpec } from '../api/nats-cluster.ts';
import {
  type CertificateFacts,
  type CertificatePlan,
  type CertificateStep,
  planCertificates,
} from '../certificates/cluster-certificates.ts';
import { makeCertificates, writeCertificates } from '../certificates/make-certificates.ts';
import { type CertificateOwner, certificateObjects } from '../certificates/secrets.ts';
import type { Context } from '../control/kind.ts';
import type { KubeObject } from '../control/objects.ts';
import { labelsOf } from './names.ts';
import type { Server } from './servers.ts';

/** Certificates end at whole seconds. */
const roundingMs = 1_000;
const rotateAnnotation = 'windlass.dev/rotate';

/** Read from the API server, because keys that a cache does not show yet would be made twice. */
export async function lookAtCertificates(
  object: KubeObject,
  { tls }: NatsClusterSpec,
  context: Context,
  seen: { readonly replicas: number; readonly servers: readonly Server[] },
): Promise<CertificatePlan> {
  const owner = certificateOwner(object, tls);
  const now = context.now();
  if (tls.mode === 'Disabled') return planCertificates(owner, {}, now);
  const facts = await certificateFacts(owner, context);
  const { notAfter } = planCertificates(owner, facts, now);
  const ends = seen.servers.map(({ certificateNotAfterMs }) => certificateNotAfterMs);
  const isKnown =
    notAfter !== undefined &&
    ends.length >= seen.replicas &&
    ends.every((each) => each !== undefined);
  if (!isKnown) return planCertificates(owner, facts, now);
  const isLoaded = ends.every((each) => Math.abs((each ?? 0) - notAfter) < roundingMs);
  return planCertificates(owner, { ...facts, isLoaded }, now);
}

/** Makes what a step is about, and writes it. */
export async function takeCertificateStep(
  step: CertificateStep,
  object: KubeObject,
  { tls }: NatsClusterSpec,
  context: Context,
): Promise<void> {
  const owner = certificateOwner(object, tls);
  const facts = await certificateFacts(owner, context);
  await writeCertificates(context.kube, await makeCertificates(step, owner, facts, context.now()));
}

function certificateOwner(object: KubeObject, tls: NatsClusterSpec['tls']): CertificateOwner {
  const { name, namespace = '', uid = '', annotations } = object.metadata;
  return {
    name,
    namespace,
    owner: { apiVersion: object.apiVersion, kind: object.kind, uid },
    labels: labelsOf(name),
    tls,
    rotate: annotations?.[rotateAnnotation],
  };
}

async function certificateFacts(
  owner: CertificateOwner,
  { kube }: Context,
): Promise<CertificateFacts> {
  const names = certificateObjects(owner);
  const at = (name: string) => ({ namespace: owner.namespace, name });
  const isOwn = owner.tls.mode === 'SelfManaged';
  const isOrdered = owner.tls.mode === 'CertManager';
  const [authority, server, bundle, order] = await Promise.all([
    isOwn ? kube.get(secrets, at(names.authority)) : undefined,
    kube.get(secrets, at(names.server)),
    kube.get(configMaps, at(names.bundle)),
    isOrdered ? kube.get(certificates, at(names.order)) : undefined,
  ]);
  return { authority, server, bundle, order };
}
