import type { KubeObject } from '../../control/objects.ts';
import {
  type CertificateFacts,
  type CertificatePlan,
  planCertificates,
} from '../cluster-certificates.ts';
import { makeCertificates } from '../make-certificates.ts';
import type { CertificateOwner } from '../secrets.ts';

export const owner: CertificateOwner = {
  name: 'nats',
  namespace: 'shop',
  owner: { apiVersion: 'windlass.dev/v1alpha1', kind: 'NatsCluster', uid: 'uid-1' },
  labels: { 'windlass.dev/cluster': 'nats' },
  tls: { mode: 'SelfManaged', duration: '2160h', renewBefore: '720h' },
};

/** The text of a key of a Secret. */
export function textOf(object: KubeObject | undefined, key: string): string {
  const data = object?.data as Readonly<Record<string, string>> | undefined;
  const text = data?.[key] ?? '';
  return object?.kind === 'Secret' ? Buffer.from(text, 'base64').toString() : text;
}

/** A Secret with these texts. */
export function secretOf(name: string, texts: Readonly<Record<string, string>>): KubeObject {
  const data = Object.entries(texts).map(([key, text]) => [
    key,
    Buffer.from(text).toString('base64'),
  ]);
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace: owner.namespace, uid: `uid-${name}` },
    data: Object.fromEntries(data),
  };
}

/** A cluster's certificates as they become step by step. */
export class OwnedCertificates {
  facts: CertificateFacts = {};
  owner = owner;
  readonly steps: string[] = [];

  /** Does what is due, until nothing is. */
  async settle(now: number): Promise<CertificatePlan> {
    for (;;) {
      const plan = planCertificates(this.owner, this.facts, now);
      if (plan.step === undefined) return plan;
      await this.take(plan, now);
    }
  }

  /** Does the step of a plan; `writes` less than all of it is a crash. */
  async take(plan: CertificatePlan, now: number, writes = Number.POSITIVE_INFINITY): Promise<void> {
    if (plan.step === undefined) throw new Error('nothing is due');
    const { step } = plan;
    this.steps.push('why' in step ? `${step.kind}: ${step.why}` : step.kind);
    const made = await makeCertificates(step, this.owner, this.facts, now);
    for (const { object, stored } of made.slice(0, writes)) this.store(object, stored);
  }

  private store(object: KubeObject, stored: KubeObject | undefined): void {
    const metadata = { ...object.metadata, uid: stored?.metadata.uid ?? 'uid' };
    const kept = { ...object, metadata };
    if (object.kind === 'ConfigMap') this.facts = { ...this.facts, bundle: kept };
    else if (object.kind === 'Certificate') this.facts = { ...this.facts, order: kept };
    else if (object.metadata.name.endsWith('-ca')) this.facts = { ...this.facts, authority: kept };
    else this.facts = { ...this.facts, server: kept };
  }
}
