import { request } from 'node:https';
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { issue, type KeyPair, newAuthority } from '../certificates/issue.ts';
import { ExternalMetrics } from './api.ts';
import { type FrontProxy, frontProxyOf } from './front-proxy.ts';
import { LagReader } from './reader.ts';
import { type Identity, LagServer } from './server.ts';
import { renewed, type TrustedCertificate } from './serving-secret.ts';

const hourMs = 3_600_000;
const servername = 'operator.windlass.svc';
const path = '/apis/external.metrics.k8s.io/v1beta1';
const logger = { error: () => {} };

let serving: TrustedCertificate;
let authority: KeyPair;
let client: KeyPair;
let stranger: KeyPair;
beforeAll(async () => {
  const now = Date.now();
  serving = await renewed(undefined, servername, now);
  authority = await newAuthority('front-proxy', hourMs, now);
  const certify = (commonName: string, by: KeyPair) =>
    issue(by, { commonName, dnsNames: [commonName], ipAddresses: [], validMs: hourMs }, now);
  client = await certify('front-proxy-client', authority);
  stranger = await certify('front-proxy-client', await newAuthority('other', hourMs, now));
});

const frontProxy = (authorities = authority.certificate): FrontProxy | undefined =>
  frontProxyOf({
    data: {
      'requestheader-client-ca-file': authorities,
      'requestheader-allowed-names': '["front-proxy-client"]',
      'requestheader-username-headers': '["X-Remote-User"]',
    },
  });

let server: LagServer | undefined;
afterEach(async () => {
  await server?.close();
});

async function serve(identity: Identity): Promise<number> {
  const object = { apiVersion: 'v1', kind: 'Consumer', metadata: { name: 'slow' } };
  const consumer = { name: 'slow', durable: 'slow', stream: 'S', identity: 'slow', object };
  const api = new ExternalMetrics({
    consumersIn: () => [{ ...consumer, cluster: undefined, account: undefined }],
    reader: new LagReader(() => new Promise(() => {})),
  });
  server = new LagServer(api, logger);
  return await server.listen(0, '127.0.0.1', identity);
}

interface Ask {
  readonly port: number;
  readonly with?: KeyPair;
  readonly method?: string;
  readonly at?: string;
  readonly user?: string;
}

function ask({ port, with: pair, method = 'GET', at = path, user = 'hpa' }: Ask) {
  return new Promise<{ readonly status: number | undefined; readonly body: string }>(
    (resolve, reject) => {
      const headers = user === '' ? {} : { 'X-Remote-User': user };
      const options = { host: '127.0.0.1', port, servername, method, headers, agent: false };
      const tls = {
        ca: serving.authorities,
        ...(pair && { cert: pair.certificate, key: pair.key }),
      };
      const sent = request({ ...options, ...tls, path: at }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          resolve({ status: response.statusCode, body: Buffer.concat(chunks).toString() });
        });
      });
      sent.on('error', reject);
      sent.end();
    },
  );
}

describe('LagServer', () => {
  test('answers what comes through the API server', async () => {
    const port = await serve({ serving, frontProxy: frontProxy() });
    const { status, body } = await ask({ port, with: client });
    expect(status).toBe(200);
    expect(JSON.parse(body)).toMatchObject({ kind: 'APIResourceList' });
  });

  test('answers 401 to everybody else', async () => {
    const port = await serve({ serving, frontProxy: frontProxy() });
    const strangers = [{ port }, { port, with: stranger }, { port, with: client, user: '' }];
    for (const each of strangers) {
      const { status, body } = await ask(each);
      expect(status).toBe(401);
      expect(JSON.parse(body)).toMatchObject({ kind: 'Status', reason: 'Unauthorized' });
    }
  });

  test('answers 401 to all as long as no front proxy is known', async () => {
    const port = await serve({ serving, frontProxy: undefined });
    expect((await ask({ port, with: client })).status).toBe(401);
  });

  test('only reads', async () => {
    const port = await serve({ serving, frontProxy: frontProxy() });
    expect((await ask({ port, with: client, method: 'POST' })).status).toBe(405);
  });

  test('believes another front proxy, and no more the one before, once it is told', async () => {
    const next = await newAuthority('next', hourMs, Date.now());
    const wanted = { commonName: 'front-proxy-client', dnsNames: ['c'], ipAddresses: [] };
    const nextClient = await issue(next, { ...wanted, validMs: hourMs }, Date.now());
    const port = await serve({ serving, frontProxy: frontProxy() });
    expect((await ask({ port, with: nextClient })).status).toBe(401);
    server?.renew({ serving, frontProxy: frontProxy(next.certificate) });
    expect((await ask({ port, with: nextClient })).status).toBe(200);
    expect((await ask({ port, with: client })).status).toBe(401);
  });

  test('shows a new certificate once it is told', async () => {
    const port = await serve({ serving, frontProxy: frontProxy() });
    serving = await renewed(undefined, servername, Date.now());
    await expect(ask({ port, with: client })).rejects.toThrow();
    server?.renew({ serving, frontProxy: frontProxy() });
    expect((await ask({ port, with: client })).status).toBe(200);
  });

  test('refuses requests above its bound and lets them come again', async () => {
    const port = await serve({ serving, frontProxy: frontProxy() });
    const at = `${path}/namespaces/shop/windlass-consumer-lag`;
    const held = Array.from({ length: 64 }, () =>
      ask({ port, with: client, at }).then(
        ({ status }) => status,
        () => 'closed' as const,
      ),
    );
    let status: number | undefined;
    // Connections are made one after the other: until then there is room.
    while (status !== 429) ({ status } = await ask({ port, with: client }));
    expect(status).toBe(429);
    await server?.close();
    expect(new Set(await Promise.all(held))).toEqual(new Set(['closed']));
  }, 60_000);
});
