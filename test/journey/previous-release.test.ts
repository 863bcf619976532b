import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { run } from '@windlass/local/child.ts';
import { type TemporaryDirectory, temporaryDirectory } from '@windlass/local/directory.ts';
import { startPlatform } from '@windlass/local/platform.ts';
import { freePort } from '@windlass/local/ports.ts';
import { emptyPostgresData } from '@windlass/local/postgres-directory.ts';
import { type ServiceProcess, startService } from '@windlass/local/processes.ts';
import type { Platform } from '@windlass/local/running-platform.ts';
import { describeSkipped } from '../cluster/testing.ts';
import {
  buildRelease,
  migrationStep,
  type PreviousRelease,
  previousRelease,
} from './previous-release.ts';
import { Shop } from './shop.ts';

const workers = ['payment', 'inventory', 'order'] as const;
const readyMs = 60_000;
const confirmedMs = 60_000;
const previous = await previousRelease();
const hasGit = (await run({ command: 'git', args: ['--version'] })).ok;

/** The databases and streams that this tree has made, with processes of either release on them. */
class TwoReleases {
  private readonly directory: TemporaryDirectory;
  readonly platform: Platform;
  private readonly bundleOf: (service: string) => string;
  private readonly started: ServiceProcess[] = [];

  private constructor(
    directory: TemporaryDirectory,
    platform: Platform,
    bundleOf: (service: string) => string,
  ) {
    this.directory = directory;
    this.platform = platform;
    this.bundleOf = bundleOf;
  }

  static async start(release: PreviousRelease): Promise<TwoReleases> {
    const directory = await temporaryDirectory();
    const starting = startPlatform({
      dir: join(directory.path, 'platform'),
      postgresSettings: { fsync: 'off', shared_buffers: '64MB' },
      env: { LOG_LEVEL: 'warn' },
    });
    const building = buildRelease(release, join(directory.path, 'release'));
    const [platform, bundleOf] = await Promise.allSettled([starting, building]);
    if (platform.status === 'fulfilled' && bundleOf.status === 'fulfilled') {
      return new TwoReleases(directory, platform.value, bundleOf.value);
    }
    if (platform.status === 'fulfilled') await platform.value.stop();
    await directory.remove();
    throw [platform, bundleOf].flatMap((each) => ('reason' in each ? [each.reason] : []))[0];
  }

  /** The order API of a process, with the inventory of another. */
  shop(order: ServiceProcess, inventory: ServiceProcess): Shop {
    const [provider] = this.platform.replicas('provider');
    return new Shop(order.url, { inventory: inventory.url, provider: provider.url });
  }

  /** A process of the previous release; resolves when it says that it is ready. */
  async startPrevious(service: string): Promise<ServiceProcess> {
    const { platform, directory } = this;
    const [port, opsPort] = [await freePort(), await freePort()];
    const dataDir = join(directory.path, 'previous', service);
    await mkdir(dataDir, { recursive: true });
    const env = {
      ...process.env,
      ...{ HOST: '127.0.0.1', PORT: `${port}`, OPS_PORT: `${opsPort}`, DATA_DIR: dataDir },
      NATS_URL: platform.nats.url,
      DATABASE_URL: platform.postgres.url(service),
      PROVIDER_URL: platform.replicas('provider')[0].url,
    };
    const running = await startService({
      ...{ name: `previous ${service}`, service, bundle: this.bundleOf(service), port, opsPort },
      ...{ env, memoryMiB: 256, keepRunning: false },
      ...{ onLine: () => {}, say: () => {}, onStarted: async () => {} },
    });
    this.started.push(running);
    await running.ready(readyMs);
    return running;
  }

  async stop(): Promise<void> {
    for (const each of this.started) each.kill('SIGKILL');
    await Promise.all(this.started.map((each) => each.exited()));
    this.platform.forceStop();
    await this.platform.stop();
    await emptyPostgresData(join(this.directory.path, 'platform', 'postgres'));
    await this.directory.remove();
  }
}

async function confirmed(shop: Shop, sku: string, count: number): Promise<readonly string[]> {
  const line = { sku, quantity: 1, unitPrice: 100 };
  const ids = await Promise.all(Array.from({ length: count }, () => shop.place([line])));
  for (const id of ids) await shop.reaches(id, 'CONFIRMED', confirmedMs);
  return ids;
}

const describeGit = hasGit
  ? describe
  : (title: string) => describeSkipped(title, 'there is no git');
describeGit('which release came before', () => {
  let directory: TemporaryDirectory;
  beforeEach(async () => {
    directory = await temporaryDirectory();
    await mkdir(join(directory.path, 'services', 'runtime'), { recursive: true });
    await writeFile(join(directory.path, migrationStep), '');
  });
  afterEach(() => directory.remove());

  async function git(...args: readonly string[]): Promise<string> {
    const who = ['-c', 'user.name=a', '-c', 'user.email=a@example.com', '-c', 'commit.gpgsign=no'];
    const { ok, output } = await run({
      command: 'git',
      args: [...who, ...args],
      cwd: directory.path,
    });
    if (!ok) throw new Error(output);
    return output;
  }
  async function commit(file: string, text: string): Promise<string> {
    await writeFile(join(directory.path, file), text);
    await git('add', '--all');
    await git('commit', '--quiet', '--message', text);
    return await git('rev-parse', 'HEAD');
  }

  test('the parent of the last commit that changed services', async () => {
    await git('init', '--quiet');
    const first = await commit('services/a', '1');
    await commit('services/a', '2');
    await commit('README', 'not a service');
    expect(await previousRelease(directory.path)).toEqual({ commit: first });
  });

  test('the last commit, when services were changed since', async () => {
    await git('init', '--quiet');
    const last = await commit('services/a', '1');
    await writeFile(join(directory.path, 'services', 'a'), '2');
    expect(await previousRelease(directory.path)).toEqual({ commit: last });
  });

  test('none, with the reason, without history or without git', async () => {
    expect(await previousRelease(directory.path)).toMatch(/git does not know this tree: .*git/);
    await git('init', '--quiet');
    await commit('services/a', '1');
    expect(await previousRelease(directory.path)).toMatch(/no earlier commit/);
  });

  test('none, when it cannot migrate as a step of its own', async () => {
    await rm(join(directory.path, migrationStep));
    await git('init', '--quiet');
    const first = await commit('services/a', '1');
    await commit('services/a', '2');
    expect(await previousRelease(directory.path)).toBe(
      `${first} has no migrations as a step of their own`,
    );
  });
});

const title = 'the previous release on the schema of this one';
if (typeof previous === 'string') {
  describeSkipped(title, previous);
} else {
  describe(title, () => {
    let both: TwoReleases;
    beforeAll(async () => {
      both = await TwoReleases.start(previous);
    }, 180_000);
    afterAll(async () => await both?.stop(), 60_000);

    test('confirms orders beside the new one, alone, and reads what the new one wrote', async () => {
      const { platform } = both;
      const [[newOrder], [newInventory]] = [
        platform.replicas('order'),
        platform.replicas('inventory'),
      ];
      const newShop = both.shop(newOrder, newInventory);
      const sku = await newShop.stock(1_000);
      const [first = ''] = await confirmed(newShop, sku, 1);

      // In the middle of a rolling update both take part, whichever gets an event.
      const started = await Promise.all(workers.map((service) => both.startPrevious(service)));
      const [, inventory, order] = started as [ServiceProcess, ServiceProcess, ServiceProcess];
      const shop = both.shop(order, inventory);
      await Promise.all([confirmed(newShop, sku, 10), confirmed(shop, sku, 10)]);

      for (const service of workers) {
        for (const replica of platform.replicas(service)) await replica.stop();
      }
      const ids = await confirmed(shop, sku, 10);
      expect(ids).toHaveLength(10);
      expect((await shop.view(first)).status).toBe('CONFIRMED');
      expect(await shop.stockOf(sku)).toMatchObject({ sku });
    }, 240_000);
  });
}
