import { beforeAll, describe, expect, test } from '@jest/globals';
import { certificatesIn, inspect } from './inspect.ts';
import { issue, type KeyPair, newAuthority } from './issue.ts';

const now = Date.now();
const wanted = { commonName: 'a', dnsNames: ['a'], ipAddresses: [], validMs: 60_000 };
let authority: KeyPair;
let other: KeyPair;
let pair: KeyPair;
beforeAll(async () => {
  authority = await newAuthority('one', 600_000, now);
  other = await newAuthority('two', 600_000, now);
  pair = await issue(authority, wanted, now);
}, 60_000);

describe('a certificate', () => {
  test('knows who has issued it', () => {
    const read = inspect(pair.certificate);
    expect(read?.isIssuedBy(authority.certificate)).toBe(true);
    expect(read?.isIssuedBy(other.certificate)).toBe(false);
    expect(read?.isIssuedBy('')).toBe(false);
  });

  test('knows its key', () => {
    const read = inspect(pair.certificate);
    expect(read?.matches(pair.key)).toBe(true);
    expect(read?.matches(authority.key)).toBe(false);
    expect(read?.matches('')).toBe(false);
  });

  test.each(['', 'nonsense', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'])(
    'is none when it is "%s"',
    (pem) => {
      expect(inspect(pem)).toBeUndefined();
    },
  );
});

describe('a bundle', () => {
  test('is taken apart, without repetitions and whatever stands between', () => {
    const bundle = [
      authority.certificate,
      'a comment\n',
      other.certificate,
      authority.certificate,
    ].join('');
    expect(certificatesIn(bundle)).toEqual([authority.certificate, other.certificate]);
  });

  test('of nothing has nothing in it', () => {
    expect(certificatesIn('')).toEqual([]);
  });
});
