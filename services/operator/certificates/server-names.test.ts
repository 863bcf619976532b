import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Broker, type BrokerTls } from '@windlass/runtime/broker/connection.ts';
import { issue, type KeyPair, newAuthority } from './issue.ts';
import { serverAddresses, serverNames } from './server-names.ts';
import { TlsServers } from './testing/tls-servers.ts';

const hourMs = 3_600_000;
const now = Date.now();
const waitMs = 60_000;
let old: { authority: KeyPair; pair: KeyPair };
let fresh: { authority: KeyPair; pair: KeyPair };

beforeAll(async () => {
  const made = async () => {
    const authority = await newAuthority('shop/nats', 10 * hourMs, now);
    const dnsNames = serverNames('nats', 'shop');
    const wanted = { commonName: 'nats', dnsNames, ipAddresses: serverAddresses, validMs: hourMs };
    return { authority, pair: await issue(authority, wanted, now) };
  };
  old = await made();
  fresh = await made();
}, 60_000);

let servers: TlsServers;
const brokers: Broker[] = [];
afterEach(async () => {
  await Promise.all(brokers.splice(0).map((broker) => broker.close()));
  await servers.remove();
}, 60_000);

function connectTo(index: number, tls: BrokerTls): Broker {
  const broker = new Broker({
    name: 'test',
    servers: [servers.urlOf(index)],
    tls,
    // A server that does not like the certificate says so only after the handshake.
    connectTimeoutMs: 5_000,
    logger: { info: () => {}, warn: () => {} },
  });
  brokers.push(broker);
  broker.start();
  return broker;
}

function filesOf({ pair }: { pair: KeyPair }, ...trusted: readonly { authority: KeyPair }[]) {
  return { ...pair, bundle: trusted.map(({ authority }) => authority.certificate).join('') };
}

function clientOf({ pair }: { pair: KeyPair }, ...trusted: readonly { authority: KeyPair }[]) {
  const ca = trusted.map(({ authority }) => authority.certificate).join('');
  return { ca, cert: pair.certificate, key: pair.key, servername: 'nats.shop.svc' };
}

/** A message that goes in at the one server comes out at the other. */
async function routed(from: Broker, to: Broker): Promise<void> {
  const [sender, receiver] = [await from.ready(), await to.ready()];
  let isHere = false;
  const subscription = receiver.subscribe('news', {
    callback: () => {
      isHere = true;
    },
  });
  await receiver.flush();
  const deadline = performance.now() + waitMs;
  while (!isHere) {
    if (performance.now() > deadline) throw new Error('nothing came through the route');
    sender.publish('news');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  subscription.unsubscribe();
}

describe('with the issued certificates, checked on both ends,', () => {
  test('servers and clients reach each other', async () => {
    servers = await TlsServers.of(2);
    const files = filesOf(old, old);
    await Promise.all([servers.start(0, files), servers.start(1, files)]);
    const [one, two] = [0, 1].map((index) => connectTo(index, clientOf(old, old)));
    if (one === undefined || two === undefined) throw new Error('there are two');
    await routed(one, two);
    await routed(two, one);
  }, 180_000);

  test('whoever has no certificate, or trusts another authority, stays outside', async () => {
    servers = await TlsServers.of(1);
    await servers.start(0, filesOf(old, old));
    const bare = { ca: old.authority.certificate, servername: 'nats.shop.svc' };
    for (const tls of [bare, clientOf(fresh, old), clientOf(old, fresh)]) {
      expect(await connectTo(0, tls).readyWithin(waitMs)).toHaveProperty('kind');
    }
    const otherName = { ...clientOf(old, old), servername: 'other.shop.svc' };
    expect(await connectTo(0, otherName).readyWithin(waitMs)).toMatchObject({ kind: 'tls' });
  }, 180_000);

  test('servers of the old and of the new authority meet while both are trusted', async () => {
    servers = await TlsServers.of(2);
    await Promise.all([
      servers.start(0, filesOf(old, fresh, old)),
      servers.start(1, filesOf(fresh, fresh, old)),
    ]);
    const one = connectTo(0, clientOf(fresh, fresh, old));
    const two = connectTo(1, clientOf(old, fresh, old));
    await routed(one, two);
    await routed(two, one);
    await servers.start(0, filesOf(fresh, fresh, old));
    await routed(one, two);
    await routed(two, one);
  }, 180_000);
});
