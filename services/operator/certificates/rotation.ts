/** What is stored, as far as the decision depends on it. Times are epoch milliseconds. */
export interface RotationFacts {
  readonly authority: 'absent' | 'broken' | StoredAuthority;
  readonly server: 'absent' | 'broken' | 'foreign' | StoredServer;
  /** Whether everybody is offered the authority's present bundle of certificates. */
  readonly isBundlePublished: boolean;
  /** Whether every server runs with the stored certificate; undefined when nobody knows. */
  readonly isLoaded?: boolean | undefined;
  /** Somebody wants a new authority whether the old one ends soon or not. */
  readonly isRotationAsked: boolean;
}

export interface StoredAuthority {
  readonly notAfter: number;
  /** Whether authorities before this one are still trusted. */
  readonly hasPrevious: boolean;
  /** When all have seen the bundle; undefined until it has been published. */
  readonly issuesFrom?: number | undefined;
}

export interface StoredServer {
  readonly notBefore: number;
  readonly notAfter: number;
  readonly issuedBy: 'current' | 'previous';
  readonly hasAllNames: boolean;
}

export interface RotationTimes {
  readonly durationMs: number;
  readonly renewBeforeMs: number;
}

/** What is done next; the following step is decided after it, from what is then stored. */
export type Step =
  | { readonly kind: 'create-authority' }
  | { readonly kind: 'rotate-authority'; readonly why: 'expiring' | 'asked' }
  | { readonly kind: 'publish-bundle' }
  | { readonly kind: 'issue'; readonly why: 'missing' | 'names' | 'expiring' | 'rotation' }
  | { readonly kind: 'drop-previous' };

/** Why nothing can be done until somebody changes something. */
export type RotationProblem =
  | 'AuthorityBroken'
  | 'AuthorityMissing'
  | 'ServerCertificateBroken'
  | 'ServerCertificateForeign';

export type RotationDecision =
  | { readonly kind: 'keep'; readonly nextAt: number }
  | { readonly kind: 'problem'; readonly problem: RotationProblem }
  | Step;

/** An authority lives this many times as long as a server's certificate. */
const authorityLifetimes = 4;
const overlapMaxMs = 24 * 3_600_000;

export function authorityValidMs({ durationMs }: RotationTimes): number {
  return authorityLifetimes * durationMs;
}

/** How long everybody has to take note of a changed bundle: at most a day. */
export function overlapMs(times: RotationTimes): number {
  return Math.min(overlapMaxMs, renewBeforeMs(times) / 4);
}

/** A renewal that is due at once after the last one would never end. */
function renewBeforeMs({ durationMs, renewBeforeMs: wantedMs }: RotationTimes): number {
  return Math.min(wantedMs, durationMs / 2);
}

/** Early enough for a certificate issued until then to live its whole time. */
function authorityRenewBeforeMs(times: RotationTimes): number {
  return times.durationMs + renewBeforeMs(times) + 2 * overlapMs(times);
}

/**
 * An authority is replaced in steps, so that at no time somebody meets a certificate that it
 * does not trust: the new one is made; both are published; after the overlap the servers'
 * certificate is issued by the new one; after another overlap, when no server runs with the old
 * certificate any more, the old authority is dropped.
 *
 * A Secret is written once, and again only by these steps. One that is broken, or an authority
 * that is gone while its certificate is in use, is a problem for a person: nothing replaces it.
 */
export function decideRotation(
  facts: RotationFacts,
  times: RotationTimes,
  now: number,
): RotationDecision {
  const { authority, server } = facts;
  if (authority === 'broken') return { kind: 'problem', problem: 'AuthorityBroken' };
  if (server === 'broken') return { kind: 'problem', problem: 'ServerCertificateBroken' };
  if (authority === 'absent') return withoutAuthority(facts);
  if (server === 'foreign') return { kind: 'problem', problem: 'ServerCertificateForeign' };
  const rotation = rotationDue(authority, facts, times, now);
  if (rotation !== undefined) return rotation;
  if (server === 'absent') return { kind: 'issue', why: 'missing' };
  return withServer(authority, server, facts, times, now);
}

function withoutAuthority({ server, isRotationAsked }: RotationFacts): RotationDecision {
  if (server === 'absent') return { kind: 'create-authority' };
  if (isRotationAsked) return { kind: 'rotate-authority', why: 'asked' };
  return { kind: 'problem', problem: 'AuthorityMissing' };
}

/** One rotation at a time. */
function rotationDue(
  { notAfter, hasPrevious }: StoredAuthority,
  { isRotationAsked }: RotationFacts,
  times: RotationTimes,
  now: number,
): RotationDecision | undefined {
  if (hasPrevious) return undefined;
  if (isRotationAsked) return { kind: 'rotate-authority', why: 'asked' };
  if (notAfter - now > authorityRenewBeforeMs(times)) return undefined;
  return { kind: 'rotate-authority', why: 'expiring' };
}

function withServer(
  authority: StoredAuthority,
  server: StoredServer,
  facts: RotationFacts,
  times: RotationTimes,
  now: number,
): RotationDecision {
  const isUnannounced = authority.hasPrevious && authority.issuesFrom === undefined;
  if (!facts.isBundlePublished || isUnannounced) return { kind: 'publish-bundle' };
  if (!server.hasAllNames) return { kind: 'issue', why: 'names' };
  const rotatesAt = authority.issuesFrom ?? now;
  if (server.issuedBy === 'previous' && now >= Math.min(rotatesAt, server.notAfter)) {
    return { kind: 'issue', why: 'rotation' };
  }
  const renewsAt = server.notAfter - renewBeforeMs(times);
  const renewedUntil = Math.min(now + times.durationMs, authority.notAfter);
  const isLonger = renewedUntil > server.notAfter + overlapMs(times);
  if (server.issuedBy === 'current' && now >= renewsAt && isLonger) {
    return { kind: 'issue', why: 'expiring' };
  }
  const dropsAt = server.notBefore + overlapMs(times);
  const isReplaced = authority.hasPrevious && server.issuedBy === 'current';
  if (isReplaced && now >= dropsAt && facts.isLoaded !== false) return { kind: 'drop-previous' };
  const due = [
    renewsAt,
    ...(authority.hasPrevious ? [] : [authority.notAfter - authorityRenewBeforeMs(times)]),
    ...(server.issuedBy === 'previous' ? [rotatesAt] : []),
    ...(isReplaced ? [dropsAt] : []),
  ].filter((at) => at > now);
  return { kind: 'keep', nextAt: due.length === 0 ? server.notAfter : Math.min(...due) };
}
