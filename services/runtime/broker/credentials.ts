import { type Authenticator, tokenAuthenticator, usernamePasswordAuthenticator } from 'nats';
import { noSeed, publicKeyOf, signNonce } from './nkeys.ts';

/** How a client proves who it is. Never log one. */
export type Credentials =
  | { readonly kind: 'nkey'; readonly seed: string }
  /** The text of a credentials file: a user JWT and its seed. */
  | { readonly kind: 'creds'; readonly text: string }
  | { readonly kind: 'password'; readonly user: string; readonly password: string }
  | { readonly kind: 'token'; readonly token: string };

/** Throws when the credentials cannot be read. */
export function authenticatorOf(credentials: Credentials): Authenticator {
  switch (credentials.kind) {
    case 'nkey':
      return nkeyAuthenticator(credentials.seed);
    case 'creds': {
      const [jwt = '', seed = ''] = blocksOf(credentials.text);
      const prove = nkeyAuthenticator(seed);
      return (nonce) => ({ ...prove(nonce), jwt });
    }
    case 'password':
      return usernamePasswordAuthenticator(credentials.user, credentials.password);
    case 'token':
      return tokenAuthenticator(credentials.token);
  }
}

function nkeyAuthenticator(seed: string) {
  const nkey = publicKeyOf(seed);
  return (nonce?: string) => ({ nkey, sig: nonce === undefined ? '' : signNonce(seed, nonce) });
}

/** What is between the dashed lines of a credentials file: the JWT of the user and its seed. */
function blocksOf(text: string): readonly string[] {
  const blocks = text.matchAll(/-{3,}BEGIN[^\n]*-{3,}\s+(\S+)\s+-{3,}END[^\n]*-{3,}/g);
  return [...blocks].map(([, block = '']) => block);
}

/** Why there is no connection: what a caller can say of it and act upon. */
export interface ConnectionFailure {
  readonly kind: 'refused' | 'tls' | 'unreachable';
  readonly message: string;
}

const refusedCodes = new Set([
  'AUTHORIZATION_VIOLATION',
  'AUTHENTICATION_EXPIRED',
  'AUTHENTICATION_TIMEOUT',
  'ACCOUNT_EXPIRED',
  'BAD_AUTHENTICATION',
  'BAD_CREDS',
  'INVALID_CREDS',
  'NKEY_ED25519_ERROR',
]);
const tlsCodes = /^(TLS$|CERT_|ERR_TLS|ERR_SSL|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_)/;

/** The text of a credentials file is never part of the message. */
export function connectionFailureOf(error: unknown): ConnectionFailure {
  const { code, message } = errorOf(error);
  if (refusedCodes.has(code) || message === noSeed) {
    return { kind: 'refused', message: 'the server or the client refused the credentials' };
  }
  if (tlsCodes.test(code) || /certificate|SSL/.test(message)) {
    return { kind: 'tls', message };
  }
  return { kind: 'unreachable', message };
}

/** The client wraps the errors of sockets; the innermost one with a code says most. */
function errorOf(error: unknown): { readonly code: string; readonly message: string } {
  if (!(error instanceof Error)) return { code: '', message: String(error) };
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const inner = 'chainedError' in error ? error.chainedError : error.cause;
  if (inner instanceof Error && !refusedCodes.has(code)) {
    const chained = errorOf(inner);
    return { code: chained.code || code, message: chained.message || error.message };
  }
  return { code, message: error.message };
}
