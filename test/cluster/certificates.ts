import { generateKeyPairSync } from 'node:crypto';
import { isIPv4 } from 'node:net';
import * as certificates from '@windlass/operator/certificates/issue.ts';

/** Longer than any test, shorter than what a client would refuse. */
const validMs = 30 * 86_400_000;

export type { KeyPair } from '@windlass/operator/certificates/issue.ts';

export interface Subject {
  /** The name of the user, or of the server. */
  readonly commonName: string;
  /** The groups of the user. */
  readonly organizations?: readonly string[];
  /** Only of servers: the names and IPv4 addresses by which they are reached. */
  readonly names?: readonly string[];
}

/** A certificate authority that signed itself. */
export function newAuthority(commonName: string): Promise<certificates.KeyPair> {
  return certificates.newAuthority(commonName, validMs, Date.now());
}

/** A certificate for a server or a client. */
export function issue(
  authority: certificates.KeyPair,
  { names = [], ...subject }: Subject,
): Promise<certificates.KeyPair> {
  const dnsNames = names.filter((name) => !isIPv4(name));
  const wanted = { ...subject, dnsNames, ipAddresses: names.filter(isIPv4), validMs };
  return certificates.issue(authority, wanted, Date.now());
}

/** The RSA keys with which service account tokens are signed. */
export function tokenKeys(): { readonly publicKey: string; readonly privateKey: string } {
  return generateKeyPairSync('rsa', {
    modulusLength: 2_048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
}
