import type { Logger } from '@windlass/runtime/telemetry/log.ts';
import { z } from 'zod';
import { apiServices, clusterRoles, secrets } from '../api/core.ts';
import type { KubeClient } from '../control/client.ts';
import type { KubeObject } from '../control/objects.ts';
import type { ServingCertificate } from './server.ts';
import {
  certificateOf,
  isDue,
  renewed,
  secretData,
  type TrustedCertificate,
} from './serving-secret.ts';

const apiServiceName = 'v1beta1.external.metrics.k8s.io';
const labels = { 'app.kubernetes.io/managed-by': 'windlass' };

export interface RegistrationOptions {
  readonly kube: KubeClient;
  /** Only the leader writes. */
  readonly isLeader: () => boolean;
  /** The Service in front of the replicas, and its port. */
  readonly service: { readonly namespace: string; readonly name: string; readonly port: number };
  /**
   * Name of the ClusterRole without which there is no registration: one that is left behind keeps
   * the API server from ending any namespace. Absent: nothing takes it away.
   */
  readonly owner?: string | undefined;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
  readonly now: () => number;
}
const identified = z.object({ uid: z.string() });
const registered = z.object({
  metadata: z.object({
    labels: z.record(z.string(), z.string()).optional(),
    ownerReferences: z.array(z.object({ uid: z.string() })).default([]),
  }),
  spec: z.object({
    service: z
      .object({ namespace: z.string(), name: z.string(), port: z.number().default(443) })
      .nullish(),
    caBundle: z.string().optional(),
    insecureSkipTLSVerify: z.boolean().optional(),
  }),
});

/**
 * Keeps the certificate of the replicas in a Secret and tells the API server where to find them
 * and how to know them. Nothing is written while all is as it should be.
 */
export class Registration {
  private readonly options: RegistrationOptions;

  constructor(options: RegistrationOptions) {
    this.options = options;
  }

  /** The certificate to serve with; undefined as long as the leader has not made one. */
  async sync(): Promise<ServingCertificate | undefined> {
    const { kube, isLeader, now } = this.options;
    const object = await kube.get(secrets, this.secretPlace);
    const stored = object === undefined ? undefined : certificateOf(object);
    if (!isLeader()) return stored;
    if (stored !== undefined && !isDue(stored, this.dnsName, now())) {
      await this.register(stored.authorities);
      return stored;
    }
    return await this.renew(stored, object !== undefined);
  }

  /** The API server trusts the new certificate before anybody shows it. */
  private async renew(before: TrustedCertificate | undefined, exists: boolean) {
    const { kube, logger, now } = this.options;
    const made = await renewed(before, this.dnsName, now());
    if (exists) await this.register(made.authorities);
    const secret = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { ...this.secretPlace, labels },
      type: 'kubernetes.io/tls',
      data: secretData(made),
    };
    // Two leaders of a moment must not replace each other's first certificate.
    if (exists) await kube.apply(secrets, secret);
    else await kube.create(secrets, secret);
    logger.info({ dnsName: this.dnsName }, 'made a certificate for external metrics');
    await this.register(made.authorities);
    return made;
  }

  private async register(authorities: string): Promise<void> {
    const { kube, service, logger } = this.options;
    const object = await kube.get(apiServices, { name: apiServiceName });
    const caBundle = Buffer.from(authorities).toString('base64');
    const owner = await this.owner();
    switch (stateOf(object, { service, caBundle, ownerUid: owner?.uid })) {
      case 'current':
        return;
      case 'foreign':
        // There can be one in a cluster, and what scales on the other one must go on.
        logger.warn(
          { apiService: apiServiceName },
          'external metrics are served by another server',
        );
        return;
      case 'outdated':
        await kube.apply(apiServices, {
          apiVersion: 'apiregistration.k8s.io/v1',
          kind: 'APIService',
          metadata: {
            ...{ name: apiServiceName, labels },
            ...(owner === undefined ? {} : { ownerReferences: [owner] }),
          },
          spec: {
            group: 'external.metrics.k8s.io',
            version: 'v1beta1',
            groupPriorityMinimum: 100,
            versionPriority: 100,
            service,
            caBundle,
            // Set by hand, it would make the API server refuse the authorities.
            insecureSkipTLSVerify: false,
          },
        });
    }
  }

  private async owner() {
    const { kube, owner: name } = this.options;
    if (name === undefined) return undefined;
    const found = await kube.get(clusterRoles, { name });
    if (found === undefined) {
      throw new Error(`There is no ClusterRole ${name}, with which external metrics would go.`);
    }
    const { uid } = identified.parse(found.metadata);
    return { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', name, uid };
  }

  private get dnsName(): string {
    const { name, namespace } = this.options.service;
    return `${name}.${namespace}.svc`;
  }

  private get secretPlace() {
    const { name, namespace } = this.options.service;
    return { namespace, name: `${name}-serving` };
  }
}

interface Wanted {
  readonly service: RegistrationOptions['service'];
  readonly caBundle: string;
  readonly ownerUid: string | undefined;
}

/** `foreign`: somebody else's, to whom it is left. */
export function stateOf(
  object: KubeObject | undefined,
  wanted: Wanted,
): 'current' | 'outdated' | 'foreign' {
  const { service, caBundle, ownerUid } = wanted;
  if (object === undefined) return 'outdated';
  const parsed = registered.safeParse(object);
  if (!parsed.success) return 'outdated';
  const { metadata, spec } = parsed.data;
  const isSameService =
    spec.service?.name === service.name && spec.service.namespace === service.namespace;
  const isOurs = metadata.labels?.['app.kubernetes.io/managed-by'] === 'windlass';
  if (!isSameService && !isOurs) return 'foreign';
  const isOwned =
    ownerUid === undefined || metadata.ownerReferences.some(({ uid }) => uid === ownerUid);
  const isServed = isSameService && spec.service?.port === service.port;
  return isServed && isOwned && spec.caBundle === caBundle ? 'current' : 'outdated';
}
