import { once } from 'node:events';
import { connect, createServer, type Server } from 'node:tls';
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { inspect } from './inspect.ts';
import { issue, type KeyPair, newAuthority } from './issue.ts';

const hourMs = 3_600_000;
const now = Math.floor(Date.now() / 1_000) * 1_000;
const wanted = {
  commonName: 'nats',
  dnsNames: ['nats.shop.svc', '*.nats-headless.shop.svc'],
  ipAddresses: ['127.0.0.1'],
  validMs: hourMs,
};
let authority: KeyPair;
let pair: KeyPair;
let client: KeyPair;
let stranger: { authority: KeyPair; pair: KeyPair };

beforeAll(async () => {
  authority = await newAuthority('shop/nats', 10 * hourMs, now);
  [pair, client] = await Promise.all([
    issue(authority, wanted, now),
    issue(authority, { ...wanted, commonName: 'client', dnsNames: ['client'] }, now),
  ]);
  const other = await newAuthority('shop/nats', 10 * hourMs, now);
  stranger = { authority: other, pair: await issue(other, wanted, now) };
}, 60_000);

let server: Server | undefined;
afterEach(async () => {
  const closing = server;
  server = undefined;
  if (closing !== undefined) await new Promise((resolve) => closing.close(resolve));
});

/** Resolves with who the client was to the server; rejects when one did not trust the other. */
async function handshake(
  serving: KeyPair,
  dialling: KeyPair,
  trusted: { byServer: string; byClient: string },
  servername: string,
): Promise<string> {
  const listening = createServer({
    cert: serving.certificate,
    key: serving.key,
    ca: trusted.byServer,
    requestCert: true,
    rejectUnauthorized: true,
  });
  server = listening;
  listening.listen(0, '127.0.0.1');
  await once(listening, 'listening');
  const address = listening.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  const accepted = new Promise<string>((resolve, reject) => {
    listening.once('secureConnection', (socket) => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.end();
    });
    listening.once('tlsClientError', reject);
  });
  const socket = connect({
    port,
    host: '127.0.0.1',
    servername,
    ca: trusted.byClient,
    cert: dialling.certificate,
    key: dialling.key,
  });
  const failed = once(socket, 'error').then(([error]) => Promise.reject(error));
  failed.catch(() => undefined);
  accepted.catch(() => undefined);
  try {
    await Promise.race([once(socket, 'secureConnect'), failed]);
    return await Promise.race([accepted, failed]);
  } finally {
    socket.destroy();
  }
}

describe('an issued certificate', () => {
  const bothTrust = (pem: string) => ({ byServer: pem, byClient: pem });

  test('serves and dials under every name of it', async () => {
    for (const name of ['nats.shop.svc', 'nats-0.nats-headless.shop.svc']) {
      const trusted = bothTrust(authority.certificate);
      await expect(handshake(pair, pair, trusted, name)).resolves.toBe('nats');
      server?.close();
    }
  });

  test('shows a server who the client is', async () => {
    const trusted = bothTrust(authority.certificate);
    await expect(handshake(pair, client, trusted, 'nats.shop.svc')).resolves.toBe('client');
  });

  test('does not serve under another name', async () => {
    const trusted = bothTrust(authority.certificate);
    await expect(handshake(pair, pair, trusted, 'other.shop.svc')).rejects.toMatchObject({
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
  });

  test('is not trusted by who trusts another authority of the same name', async () => {
    const trusted = {
      byServer: authority.certificate,
      byClient: stranger.authority.certificate,
    };
    await expect(handshake(pair, pair, trusted, 'nats.shop.svc')).rejects.toThrow();
  });

  test('is refused by a server that trusts another authority', async () => {
    const trusted = {
      byServer: stranger.authority.certificate,
      byClient: authority.certificate,
    };
    await expect(handshake(pair, pair, trusted, 'nats.shop.svc')).rejects.toThrow();
  });

  test.each(['old first', 'new first'])(
    'of either authority is trusted by who has both in one bundle, %s',
    async (order) => {
      const both = [authority.certificate, stranger.authority.certificate];
      const bundle = (order === 'old first' ? both : both.toReversed()).join('');
      for (const [serving, dialling] of [
        [pair, stranger.pair],
        [stranger.pair, pair],
      ] as const) {
        const met = handshake(serving, dialling, bothTrust(bundle), 'nats.shop.svc');
        await expect(met).resolves.toBe('nats');
        server?.close();
      }
    },
  );

  test('is read as it was asked for', () => {
    expect(inspect(pair.certificate)).toMatchObject({
      notAfter: now + hourMs,
      dnsNames: wanted.dnsNames,
      ipAddresses: wanted.ipAddresses,
      isAuthority: false,
    });
  });

  test('is valid a little before it is made, because clocks differ', () => {
    expect(inspect(pair.certificate)?.notBefore).toBeLessThan(now);
  });

  test('never outlives its authority', async () => {
    const long = await issue(authority, { ...wanted, validMs: 100 * hourMs }, now);
    expect(inspect(long.certificate)?.notAfter).toBe(now + 10 * hourMs);
  });

  test('has a key of its own each time', async () => {
    const again = await issue(authority, wanted, now);
    expect(again.key).not.toBe(pair.key);
    expect(inspect(again.certificate)?.fingerprint).not.toBe(
      inspect(pair.certificate)?.fingerprint,
    );
  });
});

describe('an authority', () => {
  test('is one, and has another name each time', () => {
    const read = inspect(authority.certificate);
    expect(read?.isAuthority).toBe(true);
    expect(read?.subject).not.toBe(inspect(stranger.authority.certificate)?.subject);
  });

  test('may have a longer name than a certificate holds', async () => {
    const long = await newAuthority('x'.repeat(300), hourMs, now);
    expect(inspect(long.certificate)?.isAuthority).toBe(true);
  });
});
