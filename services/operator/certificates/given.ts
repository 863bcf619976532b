import type { KubeObject } from '../control/objects.ts';
import { certificatesIn } from './inspect.ts';
import { serverNames } from './server-names.ts';
import { type Served, storedServer } from './stored.ts';

/** What may be wrong with a Secret that somebody else makes. */
export type GivenProblem =
  | 'SecretNotFound'
  | 'SecretBroken'
  | 'SecretWithoutAuthority'
  | 'CertificateUntrusted'
  | 'CertificateNamesMissing'
  | 'CertificateExpired';

export interface Given {
  readonly served?: Served;
  readonly problem?: GivenProblem;
}

/**
 * Looks at the Secret of a user or of cert-manager: tls.crt, tls.key and ca.crt. Intermediate
 * authorities may follow the certificate in tls.crt.
 */
export function lookAtGiven(
  object: KubeObject | undefined,
  cluster: { readonly name: string; readonly namespace: string },
  now: number,
): Given {
  const served = storedServer(object);
  if (served === 'absent') return { problem: 'SecretNotFound' };
  if (served === 'broken') return { problem: 'SecretBroken' };
  const roots = certificatesIn(served.bundle);
  if (roots.length === 0) return { problem: 'SecretWithoutAuthority' };
  const intermediates = certificatesIn(served.pair.certificate).slice(1);
  const isTrusted = [...intermediates, ...roots].some((each) => served.inspected.isIssuedBy(each));
  if (!isTrusted) return { served, problem: 'CertificateUntrusted' };
  const wanted = requiredNames(cluster);
  const covers = (name: string) => served.inspected.dnsNames.includes(name);
  if (!wanted.every(covers)) return { served, problem: 'CertificateNamesMissing' };
  if (served.inspected.notAfter <= now) return { served, problem: 'CertificateExpired' };
  return { served };
}

/** By these the servers reach each other and the operator reaches them. */
export function requiredNames({ name, namespace }: { name: string; namespace: string }): string[] {
  return serverNames(name, namespace).filter((each) => each.endsWith(`.${namespace}.svc`));
}
