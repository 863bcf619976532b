import { createPrivateKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto';

/** Longer than any test, shorter than what a client would refuse. */
const validDays = 30;
/** Clocks of one machine agree; this is for the second that notBefore is rounded to. */
const backdatedMs = 60_000;

/** A certificate and its private key, both as PEM. */
export interface Pair {
  readonly certificate: string;
  readonly key: string;
}

export interface Authority extends Pair {
  readonly commonName: string;
}

export interface Subject {
  /** The name of the user, or of the server. */
  readonly commonName: string;
  /** The groups of the user. */
  readonly organizations?: readonly string[];
  /** Only of servers: the names and IPv4 addresses by which they are reached. */
  readonly names?: readonly string[];
}

/** A certificate authority that signed itself. */
export function newAuthority(commonName: string): Authority {
  return { commonName, ...certify({ commonName }, undefined) };
}

/** A certificate for a server or a client. */
export function issue(authority: Authority, subject: Subject): Pair {
  return certify(subject, authority);
}

/** The RSA keys with which service account tokens are signed. */
export function tokenKeys(): { readonly publicKey: string; readonly privateKey: string } {
  return generateKeyPairSync('rsa', {
    modulusLength: 2_048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
}

const tags = { boolean: 0x01, integer: 0x02, bits: 0x03, octets: 0x04, oid: 0x06 } as const;
const utf8 = 0x0c;
const utcTime = 0x17;
const sequenceTag = 0x30;
const setTag = 0x31;
const ecdsaWithSha256 = [1, 2, 840, 10_045, 4, 3, 2];

/** The parts of RFC 5280 that the control plane reads, signed with ECDSA on P-256. */
function certify(subject: Subject, authority: Authority | undefined): Pair {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const signer = authority === undefined ? keys.privateKey : createPrivateKey(authority.key);
  const algorithm = sequence(oid(ecdsaWithSha256));
  const now = Date.now();
  const body = sequence(
    tlv(0xa0, integer(2)),
    tlv(tags.integer, Buffer.concat([Buffer.of(0x40), randomBytes(15)])),
    algorithm,
    nameOf({ commonName: authority?.commonName ?? subject.commonName }),
    sequence(time(now - backdatedMs), time(now + validDays * 86_400_000)),
    nameOf(subject),
    keys.publicKey.export({ type: 'spki', format: 'der' }),
    tlv(0xa3, sequence(...extensions(subject, authority === undefined))),
  );
  const signature = sign('sha256', body, signer);
  const certificate = sequence(body, algorithm, tlv(tags.bits, Buffer.of(0), signature));
  return {
    certificate: pem('CERTIFICATE', certificate),
    key: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

function extensions({ names = [] }: Subject, isAuthority: boolean): Buffer[] {
  const critical = tlv(tags.boolean, Buffer.of(0xff));
  const extension = (id: readonly number[], value: Buffer, ...flags: Buffer[]) =>
    sequence(oid(id), ...flags, tlv(tags.octets, value));
  if (isAuthority) {
    return [
      extension([2, 5, 29, 19], sequence(critical), critical),
      // Signs certificates and revocation lists.
      extension([2, 5, 29, 15], tlv(tags.bits, Buffer.of(1, 0x06)), critical),
    ];
  }
  const serverAuth = [1, 3, 6, 1, 5, 5, 7, 3, 1];
  const clientAuth = [1, 3, 6, 1, 5, 5, 7, 3, 2];
  const usages = names.length > 0 ? [serverAuth, clientAuth] : [clientAuth];
  const found = [
    extension([2, 5, 29, 15], tlv(tags.bits, Buffer.of(7, 0x80)), critical),
    extension([2, 5, 29, 37], sequence(...usages.map(oid))),
  ];
  if (names.length > 0) found.push(extension([2, 5, 29, 17], sequence(...names.map(nameEntry))));
  return found;
}

function nameEntry(name: string): Buffer {
  const isAddress = /^[\d.]+$/.test(name);
  return isAddress
    ? tlv(0x87, Buffer.from(name.split('.').map(Number)))
    : tlv(0x82, Buffer.from(name, 'ascii'));
}

function nameOf({ commonName, organizations = [] }: Subject): Buffer {
  const attribute = (id: readonly number[], value: string) =>
    tlv(setTag, sequence(oid(id), tlv(utf8, Buffer.from(value))));
  return sequence(
    ...organizations.map((each) => attribute([2, 5, 4, 10], each)),
    attribute([2, 5, 4, 3], commonName),
  );
}

function time(epochMs: number): Buffer {
  const digits = new Date(epochMs).toISOString().replaceAll(/[-:T]/g, '').slice(2, 14);
  return tlv(utcTime, Buffer.from(`${digits}Z`, 'ascii'));
}

function integer(value: number): Buffer {
  return tlv(tags.integer, Buffer.of(value));
}

function oid([first = 0, second = 0, ...rest]: readonly number[]): Buffer {
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const groups = [arc & 0x7f];
    for (let left = arc >>> 7; left > 0; left >>>= 7) groups.unshift((left & 0x7f) | 0x80);
    bytes.push(...groups);
  }
  return tlv(tags.oid, Buffer.from(bytes));
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tlv(sequenceTag, ...parts);
}

function tlv(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), content]);
  const bytes: number[] = [];
  for (let left = length; left > 0; left >>>= 8) bytes.unshift(left & 0xff);
  return Buffer.concat([Buffer.of(tag, 0x80 | bytes.length, ...bytes), content]);
}

function pem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}
