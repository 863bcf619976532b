import { expect, test } from '@jest/globals';
import { nkeys } from 'nats';
import { authenticatorOf, type Credentials, connectionFailureOf } from './credentials.ts';
import { newUserKey } from './nkeys.ts';

const key = newUserKey();
const credsFile = [
  '-----BEGIN NATS USER JWT-----',
  'head.body.signature',
  '------END NATS USER JWT------',
  '',
  '-----BEGIN USER NKEY SEED-----',
  key.seed,
  '------END USER NKEY SEED------',
  '',
].join('\n');

test.each<[string, Credentials, object]>([
  ['an nkey', { kind: 'nkey', seed: key.seed }, { nkey: key.publicKey }],
  ['a credentials file', { kind: 'creds', text: credsFile }, { jwt: 'head.body.signature' }],
])('%s signs the nonce of the server', (_, credentials, expected) => {
  const auth = authenticatorOf(credentials)('nonce');
  expect(auth).toMatchObject(expected);
  const { sig } = auth as { readonly sig: string };
  const bytes = (text: string) => new Uint8Array(Buffer.from(text));
  const signature = new Uint8Array(Buffer.from(sig, 'base64'));
  expect(nkeys.fromPublic(key.publicKey).verify(bytes('nonce'), signature)).toBe(true);
});

test('a password and a token go as they are', () => {
  const password: Credentials = { kind: 'password', user: 'ann', password: 'p' };
  expect(authenticatorOf(password)()).toEqual({ user: 'ann', pass: 'p' });
  expect(authenticatorOf({ kind: 'token', token: 't' })()).toEqual({ auth_token: 't' });
});

test.each<[string, Error, string]>([
  ['a refusal of the server', withCode('AUTHORIZATION_VIOLATION'), 'refused'],
  ['a seed that is none', new Error('This is no seed of an nkey.'), 'refused'],
  ['a certificate of somebody else', withCode('SELF_SIGNED_CERT_IN_CHAIN'), 'tls'],
  ['a certificate for another name', withCode('ERR_TLS_CERT_ALTNAME_INVALID'), 'tls'],
  ['a server that is not there', withCode('CONNECTION_REFUSED'), 'unreachable'],
  ['anything else', new Error('some failure'), 'unreachable'],
])('%s is told apart', (_, error, kind) => {
  expect(connectionFailureOf(error)).toMatchObject({ kind });
});

function withCode(code: string): Error {
  return Object.assign(new Error('failed'), { code });
}
