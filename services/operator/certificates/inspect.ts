import { createPrivateKey, X509Certificate } from 'node:crypto';

/** What is read of a certificate. Times are milliseconds since the epoch. */
export interface Inspected {
  readonly notBefore: number;
  readonly notAfter: number;
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly isAuthority: boolean;
  readonly subject: string;
  /** SHA-256 of the certificate, in lower-case hex. */
  readonly fingerprint: string;
  /** Whether the authority, in PEM, has signed it. */
  readonly isIssuedBy: (authority: string) => boolean;
  /** Whether the private key, in PEM, belongs to it. */
  readonly matches: (key: string) => boolean;
}

/** Reads the first certificate of a PEM text; `undefined` when there is none that is whole. */
export function inspect(pem: string): Inspected | undefined {
  const certificate = parse(pem);
  if (certificate === undefined) return undefined;
  const names = alternativeNames(certificate.subjectAltName ?? '');
  return {
    notBefore: Date.parse(certificate.validFrom),
    notAfter: Date.parse(certificate.validTo),
    dnsNames: names('DNS'),
    ipAddresses: names('IP Address'),
    isAuthority: certificate.ca,
    subject: certificate.subject,
    fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    isIssuedBy: (authority) => isIssuedBy(certificate, parse(authority)),
    matches: (key) => hasKey(certificate, key),
  };
}

/** The certificates of a bundle, one PEM text each, without duplicates, in their order. */
export function certificatesIn(bundle: string): string[] {
  const blocks = bundle.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
  return [...new Set((blocks ?? []).map((block) => `${block}\n`))];
}

function parse(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

function isIssuedBy(certificate: X509Certificate, authority: X509Certificate | undefined): boolean {
  if (authority === undefined || !certificate.checkIssued(authority)) return false;
  return certificate.verify(authority.publicKey);
}

function hasKey(certificate: X509Certificate, key: string): boolean {
  try {
    return certificate.checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
}

/** `DNS:a, IP Address:127.0.0.1`: a name with a comma in it would be quoted, and is no name. */
function alternativeNames(text: string): (type: string) => string[] {
  const entries = text.split(', ').map((entry) => {
    const colon = entry.indexOf(':');
    return { type: entry.slice(0, colon), value: entry.slice(colon + 1) };
  });
  return (type) => entries.filter((entry) => entry.type === type).map(({ value }) => value);
}
