import { z } from 'zod';
import { certificatesIn, inspect } from '../certificates/inspect.ts';
import { issue, newAuthority } from '../certificates/issue.ts';
import type { ServingCertificate } from './server.ts';

const dayMs = 86_400_000;
const validMs = 90 * dayMs;
const renewBeforeMs = 30 * dayMs;

/** A certificate of the replicas and the authorities by which the API server knows it; PEM. */
export interface TrustedCertificate extends ServingCertificate {
  readonly authorities: string;
}

const text = z.base64().transform((encoded) => Buffer.from(encoded, 'base64').toString());
const secret = z.object({
  data: z.object({ 'tls.crt': text, 'tls.key': text, 'ca.crt': text }),
});

/** Undefined when the Secret holds no certificate with its key: somebody has edited it. */
export function certificateOf(object: unknown): TrustedCertificate | undefined {
  const parsed = secret.safeParse(object);
  if (!parsed.success) return undefined;
  const { 'tls.crt': certificate, 'tls.key': key, 'ca.crt': authorities } = parsed.data.data;
  const isWhole = inspect(certificate)?.matches(key) === true;
  return isWhole ? { certificate, key, authorities } : undefined;
}

export function secretData({ certificate, key, authorities }: TrustedCertificate) {
  const encoded = (pem: string) => Buffer.from(pem).toString('base64');
  return {
    'tls.crt': encoded(certificate),
    'tls.key': encoded(key),
    'ca.crt': encoded(authorities),
  };
}

/** Whether another one has to be made: it ends soon, is for another name or is not trusted. */
export function isDue(stored: TrustedCertificate, dnsName: string, now: number): boolean {
  const found = inspect(stored.certificate);
  if (found === undefined || !found.dnsNames.includes(dnsName)) return true;
  if (!certificatesIn(stored.authorities).some(found.isIssuedBy)) return true;
  return found.notAfter - now < renewBeforeMs;
}

/**
 * Signed by an authority of its own, whose key is thrown away: there is nothing that could sign
 * another. The authority of the certificate before stays trusted beside the new one, because
 * replicas go on showing the old certificate until they have read the new one.
 */
export async function renewed(
  before: TrustedCertificate | undefined,
  dnsName: string,
  now: number,
): Promise<TrustedCertificate> {
  const authority = await newAuthority('windlass-operator', validMs, now);
  const wanted = { commonName: dnsName, dnsNames: [dnsName], ipAddresses: [], validMs };
  const made = await issue(authority, wanted, now);
  const [previous = ''] = certificatesIn(before?.authorities ?? '');
  return { ...made, authorities: `${authority.certificate}${previous}` };
}
