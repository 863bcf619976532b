import { describe, expect, test } from '@jest/globals';
import {
  decideRotation,
  overlapMs,
  type RotationDecision,
  type RotationFacts,
  type StoredAuthority,
  type StoredServer,
} from './rotation.ts';

const dayMs = 86_400_000;
const now = 1_000 * dayMs;
const times = { durationMs: 90 * dayMs, renewBeforeMs: 30 * dayMs };

const authority: StoredAuthority = { notAfter: now + 300 * dayMs, hasPrevious: false };
const server: StoredServer = {
  notBefore: now - 10 * dayMs,
  notAfter: now + 80 * dayMs,
  issuedBy: 'current',
  hasAllNames: true,
};
const facts: RotationFacts = {
  authority,
  server,
  isBundlePublished: true,
  isRotationAsked: false,
};
const announced = { ...authority, hasPrevious: true, issuesFrom: now + dayMs };
const old: StoredServer = { ...server, issuedBy: 'previous' };

describe('certificates:', () => {
  const cases: Readonly<Record<string, [Partial<RotationFacts>, RotationDecision]>> = {
    'all in order is kept until the certificate is renewed': [
      {},
      { kind: 'keep', nextAt: now + 50 * dayMs },
    ],
    'nothing there begins with an authority': [
      { authority: 'absent', server: 'absent' },
      { kind: 'create-authority' },
    ],
    'an authority without a certificate issues one': [
      { server: 'absent' },
      { kind: 'issue', why: 'missing' },
    ],
    'a certificate in use whose authority is gone is a problem': [
      { authority: 'absent' },
      { kind: 'problem', problem: 'AuthorityMissing' },
    ],
    'it has a new authority when somebody asks for it': [
      { authority: 'absent', isRotationAsked: true },
      { kind: 'rotate-authority', why: 'asked' },
    ],
    'a broken authority is a problem even when asked to rotate': [
      { authority: 'broken', isRotationAsked: true },
      { kind: 'problem', problem: 'AuthorityBroken' },
    ],
    'a broken certificate is a problem': [
      { server: 'broken' },
      { kind: 'problem', problem: 'ServerCertificateBroken' },
    ],
    'a certificate of somebody else is a problem': [
      { server: 'foreign' },
      { kind: 'problem', problem: 'ServerCertificateForeign' },
    ],
    'a certificate that lacks a name is issued again': [
      { server: { ...server, hasAllNames: false } },
      { kind: 'issue', why: 'names' },
    ],
    'a certificate that ends soon is issued again': [
      { server: { ...server, notAfter: now + 29 * dayMs } },
      { kind: 'issue', why: 'expiring' },
    ],
    'not when a new one would not live longer': [
      {
        authority: { ...announced, notAfter: now + 29 * dayMs },
        server: { ...server, notBefore: now, notAfter: now + 29 * dayMs },
      },
      { kind: 'keep', nextAt: now + dayMs },
    ],
    'a bundle that was edited is published again': [
      { isBundlePublished: false },
      { kind: 'publish-bundle' },
    ],
    'an authority that ends soon is rotated': [
      { authority: { ...authority, notAfter: now + 121 * dayMs } },
      { kind: 'rotate-authority', why: 'expiring' },
    ],
    'an authority is rotated on demand': [
      { isRotationAsked: true },
      { kind: 'rotate-authority', why: 'asked' },
    ],
    'a rotation under way ends before the next': [
      { authority: announced, server: old, isRotationAsked: true },
      { kind: 'keep', nextAt: now + dayMs },
    ],
    'a new authority is published first': [
      { authority: { ...announced, issuesFrom: undefined }, server: old },
      { kind: 'publish-bundle' },
    ],
    'until the overlap is over the old certificate stays': [
      { authority: announced, server: { ...old, notAfter: now + 5 * dayMs } },
      { kind: 'keep', nextAt: now + dayMs },
    ],
    'but not when it has expired': [
      { authority: announced, server: { ...old, notAfter: now } },
      { kind: 'issue', why: 'rotation' },
    ],
    'and it is issued by the new authority at once when it is gone': [
      { authority: announced, server: 'absent' },
      { kind: 'issue', why: 'missing' },
    ],
    'after the overlap the new authority issues': [
      { authority: { ...announced, issuesFrom: now }, server: old },
      { kind: 'issue', why: 'rotation' },
    ],
    'the old authority is trusted for another overlap': [
      { authority: { ...announced, issuesFrom: now }, server: { ...server, notBefore: now } },
      { kind: 'keep', nextAt: now + dayMs },
    ],
    'then it is dropped': [
      {
        authority: { ...announced, issuesFrom: now - dayMs },
        server: { ...server, notBefore: now - dayMs },
      },
      { kind: 'drop-previous' },
    ],
    'but not while a server runs with its certificate': [
      { authority: { ...announced, issuesFrom: 0 }, isLoaded: false },
      { kind: 'keep', nextAt: now + 50 * dayMs },
    ],
  };
  test.each(Object.entries(cases))('%s', (_, [given, decision]) => {
    expect(decideRotation({ ...facts, ...given }, times, now)).toEqual(decision);
  });

  test('the overlap is a day, and a quarter of a shorter renewal', () => {
    expect(overlapMs(times)).toBe(dayMs);
    expect(overlapMs({ durationMs: 4_000, renewBeforeMs: 4_000 })).toBe(500);
  });
});
