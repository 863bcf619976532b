import { randomBytes, type webcrypto } from 'node:crypto';
import { x509 } from './x509.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-256' } as const;
/** Clocks differ: a certificate is valid a little before it is made. */
const backdatedMs = 5 * 60_000;

/** A certificate and its private key (PKCS #8), both PEM. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

export interface Wanted {
  readonly commonName: string;
  /** To Kubernetes, the groups of a user. */
  readonly organizations?: readonly string[];
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly validMs: number;
}

/** A new self-signed authority, ECDSA on P-256, which may sign certificates but no authorities. */
export async function newAuthority(
  commonName: string,
  validMs: number,
  now: number,
): Promise<KeyPair> {
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity(validMs, now),
    serialNumber: newSerial(),
    // Distinct names, so that nobody takes one authority of a bundle for another.
    name: [{ CN: [`${commonName.slice(0, commonNameMax - 9)} ${randomBytes(4).toString('hex')}`] }],
    keys,
    signingAlgorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: pemOf(certificate.toString('pem')), key: await pemOfKey(keys) };
}

/**
 * A certificate for both ends of a connection: a server of a cluster dials the others as well.
 * It never outlives its authority. Throws when the authority's key cannot be read.
 */
export async function issue(authority: KeyPair, wanted: Wanted, now: number): Promise<KeyPair> {
  const { commonName, organizations = [], dnsNames, ipAddresses, validMs } = wanted;
  const issuer = new x509.X509Certificate(authority.certificate);
  const signingKey = await importKey(authority.key);
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.create({
    ...validity(Math.min(validMs, issuer.notAfter.getTime() - now), now),
    serialNumber: newSerial(),
    subject: [
      ...organizations.map((each) => ({ O: [each] })),
      { CN: [commonName.slice(0, commonNameMax)] },
    ],
    issuer: issuer.subjectName.toJSON(),
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([
        x509.ExtendedKeyUsage.serverAuth,
        x509.ExtendedKeyUsage.clientAuth,
      ]),
      new x509.SubjectAlternativeNameExtension([
        ...dnsNames.map((value) => ({ type: 'dns' as const, value })),
        ...ipAddresses.map((value) => ({ type: 'ip' as const, value })),
      ]),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: pemOf(certificate.toString('pem')), key: await pemOfKey(keys) };
}

/** RFC 5280, `ub-common-name`. The names that are checked are the alternative ones. */
const commonNameMax = 64;

async function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
}

async function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  const [der = new ArrayBuffer()] = x509.PemConverter.decode(pem);
  return await crypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign']);
}

async function pemOfKey(keys: webcrypto.CryptoKeyPair): Promise<string> {
  const der = await crypto.subtle.exportKey('pkcs8', keys.privateKey);
  return pemOf(x509.PemConverter.encode(der, 'PRIVATE KEY'));
}

/** Whole seconds, because a certificate knows no smaller unit. */
function validity(validMs: number, now: number) {
  const second = Math.floor(now / 1_000) * 1_000;
  return {
    notBefore: new Date(second - backdatedMs),
    notAfter: new Date(second + Math.floor(validMs / 1_000) * 1_000),
  };
}

/** Positive and at most 20 octets (RFC 5280, 4.1.2.2). */
function newSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = 0x40 | ((bytes[0] ?? 0) & 0x3f);
  return bytes.toString('hex');
}

function pemOf(text: string): string {
  return `${text.trim()}\n`;
}
