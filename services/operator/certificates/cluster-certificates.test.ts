import { beforeAll, describe, expect, test } from '@jest/globals';
import { type CertificateFacts, planCertificates } from './cluster-certificates.ts';
import { certificatesIn, inspect } from './inspect.ts';
import { issue, type KeyPair, newAuthority } from './issue.ts';
import { serverNames } from './server-names.ts';
import { OwnedCertificates, owner, secretOf } from './testing/owned-certificates.ts';

const now = Math.floor(Date.now() / 1_000) * 1_000;
const dayMs = 86_400_000;
let whole: CertificateFacts;
let stranger: KeyPair;
let pair: KeyPair;

beforeAll(async () => {
  const owned = new OwnedCertificates();
  await owned.settle(now);
  whole = owned.facts;
  stranger = await newAuthority('stranger', 100 * dayMs, now);
  const dnsNames = serverNames('nats', 'shop');
  const wanted = { commonName: 'nats', dnsNames, ipAddresses: [], validMs: dayMs };
  pair = await issue(stranger, wanted, now);
}, 60_000);

const given = { ...owner, tls: { ...owner.tls, mode: 'Secret' as const, secretName: 'mine' } };

describe('a self-managed cluster', () => {
  test('has nothing to do when all is there, and tells what a client needs', () => {
    const plan = planCertificates(owner, whole, now);
    expect(plan.step).toBeUndefined();
    expect(plan.problem).toBeUndefined();
    expect(plan).toMatchObject({
      secretName: 'nats-server-tls',
      isWhole: true,
      notAfter: now + 90 * dayMs,
      nextAt: now + 60 * dayMs,
    });
    expect(certificatesIn(plan.caBundle ?? '')).toHaveLength(1);
    expect(plan.digest).toMatch(/^[0-9a-f]{64}$/);
  });

  const broken = () => secretOf('x', { 'tls.crt': 'nonsense', 'tls.key': '' });
  const foreign = () => secretOf('x', { 'tls.crt': pair.certificate, 'tls.key': pair.key });
  const problems: Readonly<Record<string, [() => Partial<CertificateFacts>, string]>> = {
    'whose authority is broken': [() => ({ authority: broken() }), 'AuthorityBroken'],
    'whose authority is a plain certificate': [() => ({ authority: foreign() }), 'AuthorityBroken'],
    'whose authority is gone': [() => ({ authority: undefined }), 'AuthorityMissing'],
    'whose certificate is half deleted': [() => ({ server: broken() }), 'ServerCertificateBroken'],
    'whose certificate is of a stranger': [
      () => ({ server: foreign() }),
      'ServerCertificateForeign',
    ],
  };
  test.each(Object.entries(problems))(
    '%s: a problem, and nothing is done',
    (_, [change, reason]) => {
      const plan = planCertificates(owner, { ...whole, ...change() }, now);
      expect(plan.problem?.reason).toBe(reason);
      expect(plan.step).toBeUndefined();
    },
  );

  test('tells of no key in any problem', () => {
    const plan = planCertificates(owner, { ...whole, authority: foreign() }, now);
    expect(JSON.stringify(plan)).not.toContain('PRIVATE KEY');
  });

  test('gets a rotation when the annotation changes, and only once', async () => {
    const owned = new OwnedCertificates();
    owned.owner = { ...owner, rotate: 'a' };
    await owned.settle(now);
    expect(owned.steps).not.toContain('rotate-authority: asked');
    owned.owner = { ...owner, rotate: 'b' };
    await owned.settle(now);
    await owned.settle(now + dayMs);
    expect(owned.steps.filter((step) => step === 'rotate-authority: asked')).toHaveLength(1);
  }, 60_000);
});

describe('a cluster with the certificates of somebody else', () => {
  const secret = (texts: Readonly<Record<string, string>>) => ({ server: secretOf('mine', texts) });
  const all = () => ({
    'tls.crt': pair.certificate,
    'tls.key': pair.key,
    'ca.crt': stranger.certificate,
  });
  const problems: Readonly<Record<string, [() => CertificateFacts, string]>> = {
    'is told when there is none': [() => ({}), 'SecretNotFound'],
    'is told when the key is another': [
      () => secret({ ...all(), 'tls.key': stranger.key }),
      'SecretBroken',
    ],
    'is told when the authority is missing': [
      () => secret({ ...all(), 'ca.crt': '' }),
      'SecretWithoutAuthority',
    ],
    'is told when the authority is another': [
      () => {
        const ca = certificatesIn(planCertificates(owner, whole, now).caBundle ?? '');
        return secret({ ...all(), 'ca.crt': ca.join('') });
      },
      'CertificateUntrusted',
    ],
  };
  test.each(Object.entries(problems))('%s', (_, [facts, reason]) => {
    expect(planCertificates(given, facts(), now).problem?.reason).toBe(reason);
  });

  test('is told when a name is missing', () => {
    const plan = planCertificates({ ...given, name: 'other' }, secret(all()), now);
    expect(plan.problem?.reason).toBe('CertificateNamesMissing');
    expect(plan.problem?.message).toContain('other.shop.svc');
  });

  test('is told when it has expired', () => {
    const plan = planCertificates(given, secret(all()), now + 2 * dayMs);
    expect(plan.problem?.reason).toBe('CertificateExpired');
  });

  test('has its authority published, and nothing else written', async () => {
    const owned = new OwnedCertificates();
    owned.owner = given;
    owned.facts = secret(all());
    const plan = await owned.settle(now);
    expect(owned.steps).toEqual(['publish']);
    expect(plan).toMatchObject({ secretName: 'mine', isWhole: true });
    expect(plan.caBundle).toBe(stranger.certificate);
  });

  test('asks cert-manager, waits for it, and uses what it makes', async () => {
    const owned = new OwnedCertificates();
    const issuerRef = { name: 'authority', kind: 'Issuer' as const, group: 'cert-manager.io' };
    owned.owner = { ...owner, tls: { ...owner.tls, mode: 'CertManager', issuerRef } };
    const plan = await owned.settle(now);
    expect(owned.steps).toEqual(['order']);
    expect(plan.problem?.reason).toBe('CertificatePending');
    expect(plan.isWhole).toBe(false);
    owned.facts = { ...owned.facts, ...secret(all()) };
    const ready = await owned.settle(now);
    expect(ready.problem).toBeUndefined();
    expect(ready.isWhole).toBe(true);
  });
});

test('without TLS nothing is wanted', () => {
  const plain = { ...owner, tls: { ...owner.tls, mode: 'Disabled' as const } };
  expect(planCertificates(plain, {}, now)).toEqual({ isWhole: false });
});

test('the certificate has every name under which a server is reached', () => {
  const names = inspect(pair.certificate)?.dnsNames;
  for (const name of ['nats', 'nats.shop', 'nats.shop.svc', 'nats.shop.svc.cluster.local']) {
    expect(names).toContain(name);
    expect(names).toContain(name.replace('nats', '*.nats-headless'));
  }
  expect(names).toContain('localhost');
});
