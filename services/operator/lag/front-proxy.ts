import type { X509Certificate } from 'node:crypto';
import { z } from 'zod';

/** Where the API server says how it identifies itself to servers behind it. */
export const authenticationPlace = {
  namespace: 'kube-system',
  name: 'extension-apiserver-authentication',
} as const;

const names = z.array(z.string().max(1_024)).max(64);
const listOfNames = z
  .string()
  .default('[]')
  .transform((text, context) => {
    try {
      return names.parse(JSON.parse(text));
    } catch {
      context.addIssue('must be a JSON list of names');
      return z.NEVER;
    }
  });
const authentication = z.object({
  data: z.object({
    'requestheader-client-ca-file': z.string().min(1),
    'requestheader-allowed-names': listOfNames,
    'requestheader-username-headers': listOfNames,
  }),
});

/** What proves that a request has come through the API server. */
export interface FrontProxy {
  /** PEM; only certificates of these authorities are trusted. */
  readonly authorities: string;
  /** Common names of its certificate; empty: any that the authorities signed. */
  readonly allowedNames: readonly string[];
  /** In lower case, as Node.js gives them. The first one that is set names the user. */
  readonly userHeaders: readonly string[];
}

/**
 * Undefined when the ConfigMap does not say it: then nobody can be told from anybody else, and
 * every request is refused.
 */
export function frontProxyOf(configMap: unknown): FrontProxy | undefined {
  const parsed = authentication.safeParse(configMap);
  if (!parsed.success) return undefined;
  const { data } = parsed.data;
  return {
    authorities: data['requestheader-client-ca-file'],
    allowedNames: data['requestheader-allowed-names'],
    userHeaders: data['requestheader-username-headers'].map((name) => name.toLowerCase()),
  };
}

/** What a request shows of its sender. */
export interface Sender {
  /** Whether TLS has verified the certificate against `authorities`. */
  readonly isVerified: boolean;
  readonly certificate: X509Certificate | undefined;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/**
 * The user that the API server has authenticated and authorized, or undefined when the request
 * has not come through it. The headers alone prove nothing.
 * https://kubernetes.io/docs/tasks/extend-kubernetes/configure-aggregation-layer/
 */
export function userOf(frontProxy: FrontProxy | undefined, sender: Sender): string | undefined {
  if (frontProxy === undefined || !sender.isVerified) return undefined;
  const { allowedNames, userHeaders } = frontProxy;
  const name = commonNameOf(sender.certificate);
  if (allowedNames.length > 0 && (name === undefined || !allowedNames.includes(name))) {
    return undefined;
  }
  for (const header of userHeaders) {
    const value = sender.headers[header];
    if (typeof value === 'string' && value !== '') return value;
  }
  return undefined;
}

function commonNameOf(certificate: X509Certificate | undefined): string | undefined {
  const lines = certificate?.subject.split('\n') ?? [];
  const common = lines.filter((line) => line.startsWith('CN=')).map((line) => line.slice(3));
  return common.length === 1 ? common[0] : undefined;
}
