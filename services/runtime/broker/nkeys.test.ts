import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { nkeys } from 'nats';
import { newUserKey, publicKeyOf, signNonce } from './nkeys.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

test('each key is another one, and its seed gives its public key', () => {
  const [one, other] = [newUserKey(), newUserKey()];
  expect(one.publicKey).toMatch(/^U[A-Z2-7]{55}$/);
  expect(one.seed).toMatch(/^SU[A-Z2-7]{56}$/);
  expect(other.seed).not.toBe(one.seed);
  expect(publicKeyOf(`${one.seed}\n`)).toBe(one.publicKey);
});

test('the client of NATS takes a key for the same one, and a signature for its own', () => {
  const { publicKey, seed } = newUserKey();
  const theirs = nkeys.fromSeed(bytes(seed));
  expect(theirs.getPublicKey()).toBe(publicKey);
  const signature = Buffer.from(signNonce(seed, 'nonce'), 'base64');
  expect(theirs.verify(bytes('nonce'), new Uint8Array(signature))).toBe(true);
});

test('a key of the client is read as well', () => {
  const theirs = nkeys.createUser();
  const seed = new TextDecoder().decode(theirs.getSeed());
  expect(publicKeyOf(seed)).toBe(theirs.getPublicKey());
});

test.each(['', 'SU', 'SUAOOPS', 'nonsense'])('%j is refused without being repeated', (seed) => {
  expect(() => publicKeyOf(seed)).toThrow('This is no seed of an nkey.');
});

test('a seed with one letter changed is refused', () => {
  const { seed } = newUserKey();
  const place = fc.integer({ min: 2, max: seed.length - 2 });
  fc.assert(
    fc.property(place, fc.constantFrom(...'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'), (at, letter) => {
      fc.pre(seed[at] !== letter);
      const wrong = `${seed.slice(0, at)}${letter}${seed.slice(at + 1)}`;
      expect(() => publicKeyOf(wrong)).toThrow('This is no seed of an nkey.');
    }),
  );
});
