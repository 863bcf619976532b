import { X509Certificate } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { certificateOf, isDue, renewed, secretData } from './serving-secret.ts';

const dnsName = 'operator.windlass.svc';
const dayMs = 86_400_000;

test('makes a certificate for the name of the Service that its authority vouches for', async () => {
  const now = Date.now();
  const made = await renewed(undefined, dnsName, now);
  const certificate = new X509Certificate(made.certificate);
  expect(certificate.checkHost(dnsName)).toBe(dnsName);
  expect(certificate.verify(new X509Certificate(made.authorities).publicKey)).toBe(true);
  expect(isDue(made, dnsName, now)).toBe(false);
});

test('keeps it in a Secret and takes nothing from one that was edited', async () => {
  const made = await renewed(undefined, dnsName, Date.now());
  const data = secretData(made);
  expect(certificateOf({ data })).toEqual(made);
  const other = secretData(await renewed(undefined, dnsName, Date.now()));
  expect(certificateOf({ data: { ...data, 'tls.key': other['tls.key'] } })).toBeUndefined();
  expect(certificateOf({ data: { ...data, 'tls.crt': 'bm9uZQ==' } })).toBeUndefined();
  expect(certificateOf({ data: { ...data, 'ca.crt': undefined } })).toBeUndefined();
  expect(certificateOf({})).toBeUndefined();
});

test('is due 30 days before its end, for another name and without its authority', async () => {
  const now = Date.now();
  const made = await renewed(undefined, dnsName, now);
  expect(isDue(made, dnsName, now + 59 * dayMs)).toBe(false);
  expect(isDue(made, dnsName, now + 61 * dayMs)).toBe(true);
  expect(isDue(made, 'other.windlass.svc', now)).toBe(true);
  const { authorities } = await renewed(undefined, dnsName, now);
  expect(isDue({ ...made, authorities }, dnsName, now)).toBe(true);
});

test('trusts the certificate before as well, and no older one', async () => {
  const now = Date.now();
  const first = await renewed(undefined, dnsName, now);
  const second = await renewed(first, dnsName, now);
  const third = await renewed(second, dnsName, now);
  expect(isDue({ ...first, authorities: second.authorities }, dnsName, now)).toBe(false);
  expect(isDue({ ...second, authorities: third.authorities }, dnsName, now)).toBe(false);
  expect(isDue({ ...first, authorities: third.authorities }, dnsName, now)).toBe(true);
});
