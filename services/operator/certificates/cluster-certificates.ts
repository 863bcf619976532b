import { createHash } from 'node:crypto';
import { configMap } from '../api/core.ts';
import { millisecondsOf } from '../api/duration.ts';
import type { NatsClusterSpec } from '../api/nats-cluster.ts';
import type { KubeObject } from '../control/objects.ts';
import { isOrdered } from './certificate-order.ts';
import { type GivenProblem, lookAtGiven, requiredNames } from './given.ts';
import { certificatesIn } from './inspect.ts';
import {
  decideRotation,
  type RotationProblem,
  type RotationTimes,
  type Step,
  type StoredServer,
} from './rotation.ts';
import { type CertificateOwner, certificateObjects, orderOf } from './secrets.ts';
import { serverNames } from './server-names.ts';
import {
  type Authority,
  bundleOf,
  files,
  type Served,
  storedAuthority,
  storedServer,
} from './stored.ts';

/**
 * What is there now, by the names of `certificateObjects`. Read it from the API server: a cache
 * that is behind would show an authority as absent that was made a moment ago.
 */
export interface CertificateFacts {
  readonly authority?: KubeObject | undefined;
  readonly server?: KubeObject | undefined;
  readonly bundle?: KubeObject | undefined;
  /** The Certificate of cert-manager; only with mode CertManager. */
  readonly order?: KubeObject | undefined;
  /** Whether every server runs with the certificate stored now; undefined when unknown. */
  readonly isLoaded?: boolean | undefined;
}

export type CertificateStep = Step | { readonly kind: 'order' } | { readonly kind: 'publish' };

/** A closed set: reasons of conditions. */
export type CertificateProblem = RotationProblem | GivenProblem | 'CertificatePending';

export interface CertificatePlan {
  /** To be made by `makeCertificates`; afterwards the facts are looked at again. */
  readonly step?: CertificateStep;
  readonly problem?: { readonly reason: CertificateProblem; readonly message: string };
  /** The Secret that servers mount (tls.crt, tls.key, ca.crt). Absent without TLS. */
  readonly secretName?: string;
  /** Whether that Secret is whole, so that a server can start with it. */
  readonly isWhole: boolean;
  /** What a client has to trust, PEM. */
  readonly caBundle?: string;
  /** End of the servers' certificate, epoch milliseconds. */
  readonly notAfter?: number;
  /** SHA-256 of the servers' certificate, as a handshake shows it. */
  readonly fingerprint?: string;
  /** Changes with whatever a server would have to load again. Tells nothing of the key. */
  readonly digest?: string;
  /** When something falls due by itself, epoch milliseconds. */
  readonly nextAt?: number;
}

/** Pure: what is the case with a cluster's certificates, and the one thing to do next. */
export function planCertificates(
  owner: CertificateOwner,
  facts: CertificateFacts,
  now: number,
): CertificatePlan {
  if (owner.tls.mode === 'Disabled') return { isWhole: false };
  return owner.tls.mode === 'SelfManaged'
    ? planOwn(owner, facts, now)
    : planGiven(owner, facts, now);
}

export function timesOf(tls: NatsClusterSpec['tls']): RotationTimes {
  return {
    durationMs: millisecondsOf(tls.duration),
    renewBeforeMs: millisecondsOf(tls.renewBefore),
  };
}

/** One sentence for a plan or a log. */
export function describeStep(step: CertificateStep): string {
  return sentences[step.kind];
}

const sentences: Readonly<Record<CertificateStep['kind'], string>> = {
  'create-authority': 'make a certificate authority',
  'rotate-authority': 'make a new certificate authority beside the old one',
  'publish-bundle': 'publish which certificate authorities are trusted',
  'drop-previous': 'trust the old certificate authority no longer',
  issue: "issue the servers' certificate",
  order: 'ask cert-manager for a certificate',
  publish: 'publish which certificate authorities are trusted',
};

function planOwn(owner: CertificateOwner, facts: CertificateFacts, now: number): CertificatePlan {
  const stored = storedAuthority(facts.authority);
  const authority = typeof stored === 'string' ? undefined : stored;
  const server = storedServer(facts.server);
  const bundle = authority === undefined ? undefined : bundleOf(authority);
  const decision = decideRotation(
    {
      authority: typeof stored === 'string' ? stored : authorityFacts(stored),
      server: typeof server === 'string' ? server : serverFacts(owner, authority, server),
      isBundlePublished:
        publishedBundle(facts.bundle) === bundle &&
        (typeof server === 'string' || server.bundle === bundle),
      isLoaded: facts.isLoaded,
      isRotationAsked: owner.rotate !== undefined && owner.rotate !== authority?.rotated,
    },
    timesOf(owner.tls),
    now,
  );
  const state = stateOf(owner, typeof server === 'string' ? undefined : server, bundle);
  if (decision.kind === 'keep') return { ...state, nextAt: decision.nextAt };
  if (decision.kind !== 'problem') return { ...state, step: decision };
  return { ...state, problem: problemOf(owner, decision.problem) };
}

function planGiven(owner: CertificateOwner, facts: CertificateFacts, now: number): CertificatePlan {
  const { served, problem } = lookAtGiven(facts.server, owner, now);
  const state = stateOf(owner, served, served?.bundle);
  const wantsOrder = owner.tls.mode === 'CertManager';
  const given: CertificatePlan = {
    ...state,
    ...(problem === undefined ? {} : { problem: problemOf(owner, problem) }),
    ...(served === undefined ? {} : { nextAt: served.inspected.notAfter }),
  };
  if (wantsOrder && !isOrdered(orderOf(owner).spec, facts.order?.spec)) {
    return { ...given, step: { kind: 'order' } };
  }
  if (wantsOrder && problem === 'SecretNotFound') {
    return { ...given, problem: problemOf(owner, 'CertificatePending') };
  }
  const isPublished = served === undefined || publishedBundle(facts.bundle) === served.bundle;
  return isPublished ? given : { ...given, step: { kind: 'publish' } };
}

function stateOf(
  owner: CertificateOwner,
  server: Served | undefined,
  bundle: string | undefined,
): CertificatePlan {
  const { server: secretName } = certificateObjects(owner);
  const known = bundle === undefined ? {} : { caBundle: bundle };
  if (server === undefined) return { secretName, isWhole: false, ...known };
  const { notAfter, fingerprint } = server.inspected;
  const digest = createHash('sha256').update(server.pair.certificate).update(server.bundle);
  return {
    ...{ secretName, isWhole: server.bundle !== '', notAfter, fingerprint },
    caBundle: bundle ?? server.bundle,
    digest: digest.digest('hex'),
  };
}

function authorityFacts({ inspected, previous, issuesFrom }: Authority) {
  return { notAfter: inspected.notAfter, hasPrevious: previous.length > 0, issuesFrom };
}

/** While the authority is gone, what the servers trust tells whose certificate it is. */
function serverFacts(
  owner: CertificateOwner,
  authority: Authority | undefined,
  { inspected, bundle }: Served,
): 'foreign' | StoredServer {
  const { notBefore, notAfter, dnsNames } = inspected;
  const isCurrent = authority !== undefined && inspected.isIssuedBy(authority.pair.certificate);
  const previous = authority?.previous ?? certificatesIn(bundle);
  if (!isCurrent && !previous.some((each) => inspected.isIssuedBy(each))) return 'foreign';
  const hasAllNames = serverNames(owner.name, owner.namespace).every((name) =>
    dnsNames.includes(name),
  );
  return { notBefore, notAfter, issuedBy: isCurrent ? 'current' : 'previous', hasAllNames };
}

function publishedBundle(object: KubeObject | undefined): string | undefined {
  return object === undefined ? undefined : configMap.safeParse(object).data?.data[files.bundle];
}

function problemOf(owner: CertificateOwner, reason: CertificateProblem) {
  const { authority, server } = certificateObjects(owner);
  const messages: Readonly<Record<CertificateProblem, string>> = {
    AuthorityBroken:
      `Secret ${authority} holds no authority with its key; restore it, or delete it and set ` +
      'the annotation windlass.dev/rotate to a new value.',
    AuthorityMissing:
      `Secret ${authority} is gone while servers use its certificates; restore it, or set the ` +
      'annotation windlass.dev/rotate to a new value for a rotation to a new authority.',
    ServerCertificateBroken: `Secret ${server} holds no certificate with its key; delete it.`,
    ServerCertificateForeign:
      `The certificate in Secret ${server} is not of the cluster's authority; delete it to have ` +
      'one issued, or use tls.mode Secret.',
    SecretNotFound: `There is no Secret ${server}.`,
    SecretBroken: `Secret ${server} needs a certificate in tls.crt and its key in tls.key.`,
    SecretWithoutAuthority: `Secret ${server} has no ca.crt, which the servers need.`,
    CertificateUntrusted: `The certificate in Secret ${server} is not issued by its ca.crt.`,
    CertificateNamesMissing:
      `The certificate in Secret ${server} needs the names ` +
      `${requiredNames(owner).join(' and ')}.`,
    CertificateExpired: `The certificate in Secret ${server} has expired.`,
    CertificatePending: `Secret ${server} is not there yet; cert-manager is asked for it.`,
  };
  return { reason, message: messages[reason] };
}
