import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { issue, type KeyPair, newAuthority } from '../certificates/issue.ts';
import { Connections } from './connections.ts';
import type { Endpoint } from './endpoint.ts';
import { type TestServer, testServer } from './testing/nats-server.ts';

const validMs = 3_600_000;
const servername = 'nats.shop.svc';
let directory: string;
let authority: KeyPair;
let client: KeyPair;
let server: TestServer;
let connections: Connections;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tls-'));
  authority = await newAuthority('test', validMs, Date.now());
  const certified = (commonName: string) =>
    issue(authority, { commonName, dnsNames: [servername], ipAddresses: [], validMs }, Date.now());
  const own = await certified(servername);
  client = await certified('client');
  const file = async (name: string, text: string) => {
    await writeFile(join(directory, name), text);
    return JSON.stringify(join(directory, name));
  };
  const [cert, key, ca] = await Promise.all([
    file('tls.crt', own.certificate),
    file('tls.key', own.key),
    file('ca.crt', authority.certificate),
  ]);
  const tls = `cert_file: ${cert}, key_file: ${key}, ca_file: ${ca}, verify: true`;
  server = await testServer(`tls { ${tls}, handshake_first: auto }`);
  connections = new Connections({ logger: { info: () => undefined, warn: () => undefined } });
}, 120_000);
afterAll(async () => {
  await connections.close();
  await server.remove();
  await rm(directory, { recursive: true });
});

function ask(tls: NonNullable<Endpoint['tls']>) {
  const { certificate: cert, key } = client;
  const endpoint = { target: 'tls', servers: [server.url], apiPrefix: '$JS.API' };
  return connections.open({ ...endpoint, tls: { cert, key, ...tls } }).ask('INFO');
}

test('a server is reached by its address, and its certificate names the cluster', async () => {
  const ca = authority.certificate;
  await expect(ask({ ca, servername })).resolves.toBeDefined();
});

test('TLS may come before the greeting', async () => {
  const ca = authority.certificate;
  await expect(ask({ ca, servername, handshakeFirst: true })).resolves.toBeDefined();
});

test('a certificate for another name, or of another authority, is refused', async () => {
  const ca = authority.certificate;
  const refusal = { reason: 'TLSFailed' };
  await expect(ask({ ca, servername: 'other.shop.svc' })).rejects.toMatchObject(refusal);
  const { certificate } = await newAuthority('other', validMs, Date.now());
  await expect(ask({ ca: certificate, servername })).rejects.toMatchObject(refusal);
});
