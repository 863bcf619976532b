import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { streams } from '@windlass/contracts/streams.ts';
import { service as inventory } from '@windlass/inventory/service.ts';
import { type TemporaryDirectory, temporaryDirectory } from '@windlass/local/directory.ts';
import { startPlatform } from '@windlass/local/platform.ts';
import type { Platform } from '@windlass/local/running-platform.ts';
import { platformManifests } from '@windlass/operator/platform/manifests.ts';
import { service as order } from '@windlass/order/service.ts';
import { service as payment } from '@windlass/payment/service.ts';
import { Shop } from '../journey/shop.ts';
import { Operated } from './operated.ts';
import { describeKubelet } from './testing.ts';

const minutes = 60_000;
const name = 'events';
const services = [order, inventory, payment];
const environment = { replicas: 3, maxAgeDays: 1, maxBytes: 64 * 1_024 * 1_024 };

await describeKubelet('the order platform on a NatsCluster', () => {
  let operated: Operated;
  let directory: TemporaryDirectory;
  let platform: Platform | undefined;
  beforeAll(async () => {
    directory = await temporaryDirectory();
    operated = await Operated.start();
  }, 8 * minutes);
  afterAll(async () => {
    await platform?.stop();
    await operated?.stop();
    await directory?.remove();
  }, minutes);

  test(
    'has its streams, consumers and users, and settles an order',
    async () => {
      const spec = { tls: { mode: 'Disabled' }, storage: { size: '1Gi' } };
      await operated.apply({ kind: 'NatsCluster', metadata: { name }, spec });
      const place = { namespace: operated.namespace, cluster: name };
      const manifests = platformManifests(streams, services, environment, place);
      for (const manifest of manifests) await operated.apply(manifest);
      await operated.reaches('natsclusters', name, 'Ready', 'True', 3 * minutes);
      for (const { kind, metadata } of manifests) {
        await operated.reaches(`${kind.toLowerCase()}s`, metadata.name, 'Ready', 'True', minutes);
      }
      const urls = (await operated.addresses(name)).map((address) => `nats://${address}:4222`);
      platform = await startPlatform({
        dir: join(directory.path, 'platform'),
        cluster: { url: urls.join(','), env: await withKeys() },
      });
      const urlOf = (service: string) => platform?.replicas(service)[0].url ?? '';
      const others = { inventory: urlOf('inventory'), provider: urlOf('provider') };
      const shop = new Shop(urlOf('order'), others);
      const sku = await shop.stock(10);
      const id = await shop.place([{ sku, quantity: 2, unitPrice: 100 }]);
      expect((await shop.reaches(id, 'CONFIRMED')).total).toBe(200);
    },
    8 * minutes,
  );

  /** Each service comes in with the key of its own user. */
  async function withKeys(): Promise<(service: string) => NodeJS.ProcessEnv> {
    await mkdir(directory.path, { recursive: true });
    const fileOf = (service: string) => join(directory.path, `${service}.nkey`);
    for (const { name: service } of services) {
      const secret = await operated.get('secrets', service);
      const seed = Buffer.from(secret?.data?.['nkey.seed'] ?? '', 'base64');
      await writeFile(fileOf(service), seed, { mode: 0o600 });
    }
    return (service) =>
      services.some((each) => each.name === service) ? { NATS_NKEY: fileOf(service) } : {};
  }
});
