import { describe, expect, test } from '@jest/globals';
import { planCertificates } from './cluster-certificates.ts';
import { certificatesIn, inspect } from './inspect.ts';
import { OwnedCertificates, owner, textOf } from './testing/owned-certificates.ts';

const now = Math.floor(Date.now() / 1_000) * 1_000;
const dayMs = 86_400_000;

const crt = (owned: OwnedCertificates, which: 'authority' | 'server') =>
  textOf(owned.facts[which], 'tls.crt');
const trusted = (owned: OwnedCertificates) => textOf(owned.facts.server, 'ca.crt');

describe('the life of certificates', () => {
  test('begins with an authority, a certificate and a bundle that belong together', async () => {
    const owned = new OwnedCertificates();
    await owned.settle(now);
    expect(owned.steps).toEqual(['create-authority', 'issue: missing']);
    expect(inspect(crt(owned, 'server'))?.isIssuedBy(crt(owned, 'authority'))).toBe(true);
    expect(trusted(owned)).toBe(crt(owned, 'authority'));
    expect(textOf(owned.facts.bundle, 'ca.crt')).toBe(trusted(owned));
    const { metadata } = owned.facts.server ?? {};
    expect(metadata?.ownerReferences).toMatchObject([{ uid: 'uid-1', controller: true }]);
  }, 60_000);

  test('renews the certificate and keeps the authority', async () => {
    const owned = new OwnedCertificates();
    await owned.settle(now);
    const before = { authority: crt(owned, 'authority'), server: crt(owned, 'server') };
    await owned.settle(now + 61 * dayMs);
    expect(owned.steps.slice(2)).toEqual(['issue: expiring']);
    expect(crt(owned, 'authority')).toBe(before.authority);
    expect(crt(owned, 'server')).not.toBe(before.server);
  }, 60_000);

  test('changes the authority in steps: both are trusted before and after the change', async () => {
    const owned = new OwnedCertificates();
    await owned.settle(now);
    const old = { authority: crt(owned, 'authority'), server: crt(owned, 'server') };
    const at = now + 240 * dayMs;
    await owned.settle(now + 180 * dayMs);
    owned.steps.length = 0;

    await owned.settle(at);
    expect(owned.steps).toEqual(['rotate-authority: expiring', 'publish-bundle']);
    const fresh = crt(owned, 'authority');
    expect(fresh).not.toBe(old.authority);
    expect(certificatesIn(trusted(owned))).toEqual([fresh, old.authority]);
    expect(inspect(crt(owned, 'server'))?.isIssuedBy(old.authority)).toBe(true);

    await owned.settle(at + dayMs);
    expect(owned.steps.slice(2)).toEqual(['issue: rotation']);
    expect(inspect(crt(owned, 'server'))?.isIssuedBy(fresh)).toBe(true);
    expect(certificatesIn(trusted(owned))).toEqual([fresh, old.authority]);

    owned.facts = { ...owned.facts, isLoaded: false };
    await owned.settle(at + 2 * dayMs);
    expect(owned.steps.slice(3)).toEqual([]);
    owned.facts = { ...owned.facts, isLoaded: true };
    await owned.settle(at + 2 * dayMs);
    expect(owned.steps.slice(3)).toEqual(['drop-previous', 'publish-bundle']);
    expect(trusted(owned)).toBe(fresh);
    expect(textOf(owned.facts.bundle, 'ca.crt')).toBe(fresh);
  }, 60_000);

  test('goes on from wherever a crash has left it', async () => {
    for (const lost of [0, 1, 2]) {
      const owned = new OwnedCertificates();
      await owned.settle(now);
      const old = crt(owned, 'authority');
      owned.owner = { ...owner, rotate: 'please' };
      for (let at = now; at <= now + 3 * dayMs; at += dayMs / 2) {
        const plan = planCertificates(owned.owner, owned.facts, at);
        if (plan.step !== undefined) await owned.take(plan, at, lost);
        const { server } = owned.facts;
        const roots = certificatesIn(textOf(server, 'ca.crt'));
        // At each moment, what a server shows is issued by what all have been told to trust.
        const shown = inspect(textOf(server, 'tls.crt'));
        expect(roots.some((root) => shown?.isIssuedBy(root))).toBe(true);
        await owned.settle(at);
      }
      expect(crt(owned, 'authority')).not.toBe(old);
      expect(trusted(owned)).toBe(crt(owned, 'authority'));
    }
  }, 120_000);

  test('gets over a lost authority, when asked to, without anybody losing trust', async () => {
    const owned = new OwnedCertificates();
    await owned.settle(now);
    const old = { authority: crt(owned, 'authority'), server: crt(owned, 'server') };
    owned.facts = { ...owned.facts, authority: undefined };
    await owned.settle(now);
    expect(crt(owned, 'server')).toBe(old.server);
    owned.owner = { ...owner, rotate: 'please' };
    await owned.settle(now);
    expect(crt(owned, 'server')).toBe(old.server);
    expect(certificatesIn(trusted(owned))).toEqual([crt(owned, 'authority'), old.authority]);
    await owned.settle(now + dayMs);
    expect(inspect(crt(owned, 'server'))?.isIssuedBy(crt(owned, 'authority'))).toBe(true);
  }, 60_000);
});
