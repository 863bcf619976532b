import { createPrivateKey, createPublicKey, type KeyObject, randomBytes, sign } from 'node:crypto';

export interface UserKey {
  /** `U…`: what the server's configuration names. */
  readonly publicKey: string;
  /** `SU…`: the secret that signs the server's challenge. */
  readonly seed: string;
}

/*
 * An nkey is an Ed25519 key in base32, with a prefix that makes its first letters and a checksum.
 * The client's own code signs in plain JavaScript, which holds the process up for 50 ms and more
 * with each connection: https://docs.nats.io/running-a-nats-service/configuration/securing_nats
 */
export const noSeed = 'This is no seed of an nkey.';
const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const userPrefix = 20 << 3;
const seedPrefix = 18 << 3;
const keyBytes = 32;
/** What comes before the 32 bytes of a private key in PKCS #8. */
const pkcs8Head = Buffer.from('302e020100300506032b657004220420', 'hex');

/** A new Ed25519 key of a user. */
export function newUserKey(): UserKey {
  const raw = randomBytes(keyBytes);
  // The kind of the key lies behind the five bits that make the S.
  const head = [seedPrefix | (userPrefix >> 5), (userPrefix & 31) << 3];
  return { publicKey: publicKeyOfRaw(raw), seed: encode(Buffer.from([...head, ...raw])) };
}

/** The public key of a user's seed. Throws without the seed when it is none. */
export function publicKeyOf(seed: string): string {
  return publicKeyOfRaw(rawOf(seed));
}

/** What a server asks for in its greeting: its nonce signed, in base64. */
export function signNonce(seed: string, nonce: string): string {
  return sign(null, Buffer.from(nonce), privateKey(rawOf(seed))).toString('base64');
}

function privateKey(raw: Buffer): KeyObject {
  return createPrivateKey({ key: Buffer.concat([pkcs8Head, raw]), format: 'der', type: 'pkcs8' });
}

function publicKeyOfRaw(raw: Buffer): string {
  const der = createPublicKey(privateKey(raw)).export({ format: 'der', type: 'spki' });
  return encode(Buffer.from([userPrefix, ...der.subarray(-keyBytes)]));
}

function rawOf(seed: string): Buffer {
  const bytes = decode(seed.trim());
  const payload = bytes.subarray(0, -2);
  const isSeed = /^SU/.test(seed.trim()) && payload.length === keyBytes + 2;
  if (!isSeed || checksum(payload) !== bytes.readUInt16LE(payload.length)) {
    throw new Error(noSeed);
  }
  return payload.subarray(2);
}

function encode(payload: Buffer): string {
  const sum = Buffer.alloc(2);
  sum.writeUInt16LE(checksum(payload));
  const bits = [...payload, ...sum].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  const groups = bits.match(/.{1,5}/g) ?? [];
  return groups.map((group) => letters[Number.parseInt(group.padEnd(5, '0'), 2)]).join('');
}

/** Letters that are none make a number that no checksum fits. */
function decode(text: string): Buffer {
  const bits = [...text].map((letter) => letters.indexOf(letter).toString(2).padStart(5, '0'));
  const whole = bits.join('').match(/.{8}/g) ?? [];
  return Buffer.from(whole.map((byte) => Number.parseInt(byte, 2)));
}

/** CRC-16 as of XMODEM. */
function checksum(payload: Buffer): number {
  return payload.reduce((sum, byte) => {
    let crc = sum ^ (byte << 8);
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
    return crc & 0xffff;
  }, 0);
}
