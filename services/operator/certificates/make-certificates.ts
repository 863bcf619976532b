import { isDeepStrictEqual } from 'node:util';
import { certificates, configMaps, secrets } from '../api/core.ts';
import type { KubeClient } from '../control/client.ts';
import { ReconcileError } from '../control/kind.ts';
import type { KubeObject, Resource } from '../control/objects.ts';
import { type CertificateFacts, type CertificateStep, timesOf } from './cluster-certificates.ts';
import { certificatesIn } from './inspect.ts';
import { issue, newAuthority } from './issue.ts';
import { authorityValidMs, overlapMs } from './rotation.ts';
import {
  authoritySecret,
  bundleConfigMap,
  type CertificateOwner,
  orderOf,
  serverSecret,
} from './secrets.ts';
import { serverAddresses, serverNames } from './server-names.ts';
import { type Authority, bundleOf, storedAuthority, storedServer } from './stored.ts';

export interface CertificateWrite {
  readonly resource: Resource;
  readonly object: KubeObject;
  /** What is there and is replaced; a new object is created, and never overwrites another one. */
  readonly stored: KubeObject | undefined;
}

/**
 * Writes in the given order. A Secret that somebody has changed since the facts were read is not
 * overwritten: the write is refused, and the next look decides anew.
 */
export async function writeCertificates(
  kube: Pick<KubeClient, 'create' | 'apply'>,
  writes: readonly CertificateWrite[],
): Promise<void> {
  for (const { resource, object, stored } of writes) {
    if (stored === undefined) await kube.create(resource, object);
    else {
      const { resourceVersion } = stored.metadata;
      const version = resourceVersion === undefined ? {} : { resourceVersion };
      await kube.apply(resource, { ...object, metadata: { ...object.metadata, ...version } });
    }
  }
}

/**
 * Makes what a step of `planCertificates` is about, with new keys where it needs any. Whatever
 * part of the writes is lost in a crash: the next look finds the same step, or the one after it.
 */
export async function makeCertificates(
  step: CertificateStep,
  owner: CertificateOwner,
  facts: CertificateFacts,
  now: number,
): Promise<readonly CertificateWrite[]> {
  switch (step.kind) {
    case 'order':
      return [{ resource: certificates, object: orderOf(owner), stored: facts.order }];
    case 'publish':
      return [bundleWrite(owner, facts, givenBundle(facts))];
    case 'create-authority':
    case 'rotate-authority':
      return [await newAuthorityWrite(owner, facts, now)];
    case 'issue':
      return await issueWrites(owner, facts, now);
    case 'publish-bundle':
      return publishWrites(owner, facts, now);
    case 'drop-previous': {
      const { pair, rotated } = presentAuthority(facts);
      const alone = { pair, rotated, previous: [], issuesFrom: undefined };
      return [authorityWrite(owner, facts, alone)];
    }
  }
}

/** Those before it stay trusted; of one that was lost, the servers' Secret has the certificate. */
async function newAuthorityWrite(
  owner: CertificateOwner,
  facts: CertificateFacts,
  now: number,
): Promise<CertificateWrite> {
  const stored = storedAuthority(facts.authority);
  const server = storedServer(facts.server);
  const lost = typeof server === 'string' ? [] : certificatesIn(server.bundle);
  const known = typeof stored === 'string' ? lost : certificatesIn(bundleOf(stored));
  const commonName = `${owner.namespace}/${owner.name}`;
  const pair = await newAuthority(commonName, authorityValidMs(timesOf(owner.tls)), now);
  const { rotate: rotated } = owner;
  const authority = { pair, rotated, previous: known, issuesFrom: undefined };
  return authorityWrite(owner, facts, authority);
}

async function issueWrites(
  owner: CertificateOwner,
  facts: CertificateFacts,
  now: number,
): Promise<CertificateWrite[]> {
  const authority = presentAuthority(facts);
  const wanted = {
    commonName: owner.name,
    dnsNames: serverNames(owner.name, owner.namespace),
    ipAddresses: serverAddresses,
    validMs: timesOf(owner.tls).durationMs,
  };
  const object = serverSecret(owner, await issue(authority.pair, wanted, now), authority);
  return [
    { resource: secrets, object, stored: facts.server },
    bundleWrite(owner, facts, bundleOf(authority)),
  ];
}

/** When the overlap begins is written last: it counts from when everything is published. */
function publishWrites(
  owner: CertificateOwner,
  facts: CertificateFacts,
  now: number,
): CertificateWrite[] {
  const authority = presentAuthority(facts);
  const server = storedServer(facts.server);
  const isUnannounced = authority.previous.length > 0 && authority.issuesFrom === undefined;
  const issuesFrom = now + overlapMs(timesOf(owner.tls));
  const published = [
    ...(typeof server === 'string'
      ? []
      : [
          {
            resource: secrets,
            object: serverSecret(owner, server.pair, authority),
            stored: facts.server,
          },
        ]),
    bundleWrite(owner, facts, bundleOf(authority)),
  ];
  return [
    ...published.filter((write) => !isStored(write)),
    ...(isUnannounced ? [authorityWrite(owner, facts, { ...authority, issuesFrom })] : []),
  ];
}

/** A part that was written before a crash is not written again: each life must come further. */
function isStored({ object, stored }: CertificateWrite): boolean {
  return stored !== undefined && isDeepStrictEqual(object.data, stored.data);
}

function authorityWrite(
  owner: CertificateOwner,
  facts: CertificateFacts,
  authority: Parameters<typeof authoritySecret>[1],
): CertificateWrite {
  const object = authoritySecret(owner, authority);
  return { resource: secrets, object, stored: facts.authority };
}

function bundleWrite(
  owner: CertificateOwner,
  facts: CertificateFacts,
  bundle: string,
): CertificateWrite {
  return { resource: configMaps, object: bundleConfigMap(owner, bundle), stored: facts.bundle };
}

function presentAuthority(facts: CertificateFacts): Authority {
  const stored = storedAuthority(facts.authority);
  if (typeof stored !== 'string') return stored;
  throw new ReconcileError('AuthorityMissing', 'The certificate authority has just gone.');
}

function givenBundle(facts: CertificateFacts): string {
  const stored = storedServer(facts.server);
  if (typeof stored !== 'string') return stored.bundle;
  throw new ReconcileError('SecretNotFound', 'The Secret with the certificate has just gone.');
}
