import { X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { issue, newAuthority } from '../certificates/issue.ts';
import { frontProxyOf, userOf } from './front-proxy.ts';

const hourMs = 3_600_000;
const data = {
  'requestheader-client-ca-file': 'PEM',
  'requestheader-allowed-names': '["front-proxy-client"]',
  'requestheader-username-headers': '["X-Remote-User","X-Other-User"]',
};

describe('frontProxyOf', () => {
  test('reads what the API server says of itself', () => {
    expect(frontProxyOf({ data })).toEqual({
      authorities: 'PEM',
      allowedNames: ['front-proxy-client'],
      userHeaders: ['x-remote-user', 'x-other-user'],
    });
  });

  test.each([
    ['no ConfigMap', undefined],
    ['no authority', { data: { 'client-ca-file': 'PEM' } }],
    ['an empty authority', { data: { ...data, 'requestheader-client-ca-file': '' } }],
    ['names that are no list', { data: { ...data, 'requestheader-allowed-names': '{}' } }],
    ['names that are no JSON', { data: { ...data, 'requestheader-allowed-names': 'all' } }],
  ])('trusts nobody with %s', (_, configMap) => {
    expect(frontProxyOf(configMap)).toBeUndefined();
  });
});

describe('userOf', () => {
  const frontProxy = frontProxyOf({ data });
  const headers = { 'x-remote-user': 'system:hpa' };
  let certificate: X509Certificate;
  beforeAll(async () => {
    const authority = await newAuthority('front-proxy-ca', hourMs, Date.now());
    const wanted = { commonName: 'front-proxy-client', dnsNames: ['client'], ipAddresses: [] };
    const issued = await issue(authority, { ...wanted, validMs: hourMs }, Date.now());
    certificate = new X509Certificate(issued.certificate);
  });
  const sender = (over = {}) => ({ isVerified: true, certificate, headers, ...over });

  test('believes the headers of a verified certificate with an allowed name', () => {
    expect(userOf(frontProxy, sender())).toBe('system:hpa');
    expect(userOf(frontProxy, sender({ headers: { 'x-other-user': 'b' } }))).toBe('b');
  });

  test('takes every verified name when none is listed', () => {
    const all = frontProxyOf({ data: { ...data, 'requestheader-allowed-names': '[]' } });
    expect(userOf(all, sender())).toBe('system:hpa');
  });

  test('refuses everybody else', () => {
    const names = { ...data, 'requestheader-allowed-names': '["another"]' };
    expect(userOf(undefined, sender())).toBeUndefined();
    expect(userOf(frontProxy, sender({ isVerified: false }))).toBeUndefined();
    expect(userOf(frontProxy, sender({ certificate: undefined }))).toBeUndefined();
    expect(userOf(frontProxy, sender({ headers: {} }))).toBeUndefined();
    expect(userOf(frontProxyOf({ data: names }), sender())).toBeUndefined();
  });
});
