import { secret } from '../api/core.ts';
import type { KubeObject } from '../control/objects.ts';
import { certificatesIn, type Inspected, inspect } from './inspect.ts';
import type { KeyPair } from './issue.ts';

/** Keys of the Secrets. */
export const files = {
  certificate: 'tls.crt',
  key: 'tls.key',
  bundle: 'ca.crt',
  /** Of an authority's Secret: the authorities before it that are still trusted. */
  previous: 'previous.crt',
} as const;

export const annotations = {
  /** Of an authority's Secret: from when on it issues certificates, RFC 3339. */
  issuesFrom: 'windlass.dev/issues-from',
  /** Of an authority's Secret: the rotation request that was last followed. */
  rotated: 'windlass.dev/rotated',
} as const;

/** The authority of a cluster, as its Secret holds it. */
export interface Authority {
  readonly pair: KeyPair;
  readonly inspected: Inspected;
  /** PEM texts of the authorities before it that are still trusted, the newest first. */
  readonly previous: readonly string[];
  /** Epoch milliseconds. */
  readonly issuesFrom: number | undefined;
  readonly rotated: string | undefined;
}

/** A certificate with its key and what its users trust. */
export interface Served {
  readonly pair: KeyPair;
  readonly inspected: Inspected;
  readonly bundle: string;
}

/** `broken`: something is missing in it, cannot be read, or does not belong together. */
export function storedAuthority(object: KubeObject | undefined): 'absent' | 'broken' | Authority {
  if (object === undefined) return 'absent';
  const read = storedPair(object);
  if (read === undefined || !read.inspected.isAuthority) return 'broken';
  const issuesFrom = Date.parse(object.metadata.annotations?.[annotations.issuesFrom] ?? '');
  return {
    pair: read.pair,
    inspected: read.inspected,
    previous: certificatesIn(read.text(files.previous)),
    issuesFrom: Number.isNaN(issuesFrom) ? undefined : issuesFrom,
    rotated: object.metadata.annotations?.[annotations.rotated],
  };
}

export function storedServer(object: KubeObject | undefined): 'absent' | 'broken' | Served {
  if (object === undefined) return 'absent';
  const read = storedPair(object);
  if (read === undefined) return 'broken';
  return { pair: read.pair, inspected: read.inspected, bundle: read.text(files.bundle) };
}

/** What everybody trusts: the authority and those before it. */
export function bundleOf(authority: Pick<Authority, 'pair' | 'previous'>): string {
  return [authority.pair.certificate, ...authority.previous].join('');
}

function storedPair(object: KubeObject) {
  const parsed = secret.safeParse(object);
  if (!parsed.success) return undefined;
  const text = (key: string) => parsed.data.data[key]?.toString() ?? '';
  const pair: KeyPair = { certificate: text(files.certificate), key: text(files.key) };
  const inspected = inspect(pair.certificate);
  if (inspected === undefined || !inspected.matches(pair.key)) return undefined;
  return { pair, inspected, text };
}
