import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Broker } from '@windlass/runtime/broker/connection.ts';
import { until } from '@windlass/runtime/testing/until.ts';
import { auditedRequests } from './audit-log.ts';
import { LiveAddresses } from './live-addresses.ts';
import { type Observed, Operated } from './operated.ts';
import { PublishLoad } from './publish-load.ts';
import { describeKubelet } from './testing.ts';

const publishers = 8;
const minutes = 60_000;
const quiet = { info: () => {}, warn: () => {} };
const name = 'events';

await describeKubelet('a NatsCluster', () => {
  let operated: Operated;
  beforeAll(async () => {
    operated = await Operated.start();
  }, 8 * minutes);
  afterAll(async () => {
    await live?.stop();
    await Promise.all(brokers.map((broker) => broker.close()));
    await operated?.stop();
  }, minutes);

  /** Waits between two steps of a roll are short here; what they wait for is not. */
  const cluster = (spec: object = {}) => ({
    kind: 'NatsCluster',
    metadata: { name },
    spec: {
      anonymousAccount: 'APP',
      tls: { mode: 'Disabled' },
      lameDuck: { durationSeconds: 30, graceSeconds: 1 },
      update: { settleSeconds: 1 },
      ...spec,
    },
  });

  const stream = (replicas: number) => ({
    kind: 'Stream',
    metadata: { name: 'load' },
    spec: {
      clusterRef: { name },
      ...{ name: 'LOAD', subjects: ['load.>'], storage: 'file', replicas },
    },
  });

  const brokers: Broker[] = [];
  let live: LiveAddresses | undefined;
  async function connected(): Promise<Broker> {
    live ??= await LiveAddresses.follow(() => operated.addresses(name));
    const servers = live.current;
    const broker = new Broker({ servers, name: 'test', logger: quiet, connectTimeoutMs: 2_000 });
    brokers.push(broker);
    broker.start();
    await broker.ready();
    return broker;
  }

  async function ask(api: string): Promise<Record<string, unknown>> {
    const connection = await (brokers[0] ?? (await connected())).ready();
    return (await connection.request(`$JS.API.${api}`, '', { timeout: 5_000 })).json();
  }

  /** What `work` does while messages are published; every one of them is stored in the end. */
  async function underLoad(work: () => Promise<void>): Promise<void> {
    while (brokers.length < publishers) await connected();
    const load = new PublishLoad(brokers, 'load');
    try {
      await work();
    } finally {
      const { published, failed } = await load.stop();
      expect(failed).toBe(0);
      expect(published).toBeGreaterThan(100);
      const { state } = await ask('STREAM.INFO.LOAD');
      acknowledged += published;
      expect(Number(Object(state).messages)).toBeGreaterThanOrEqual(acknowledged);
    }
  }
  let acknowledged = 0;

  const uids = async (): Promise<readonly string[]> => {
    const path = `${operated.path('pods')}?labelSelector=windlass.dev/cluster=${name}`;
    const { items } = await operated.api.get<{ readonly items: readonly Observed[] }>(path);
    return items.map(({ metadata }) => String(metadata.uid));
  };

  test(
    'three servers become a cluster in which streams are made',
    async () => {
      await operated.apply(cluster());
      await operated.apply(stream(3));
      const { status } = await operated.reaches('natsclusters', name, 'Ready');
      expect(status?.readyReplicas).toBe(3);
      await operated.reaches('natsclusters', name, 'Available');
      await operated.reaches('natsclusters', name, 'QuorumAtRisk', 'False');
      await operated.reaches('natsclusters', name, 'Degraded', 'False');
      await operated.reaches('streams', 'load', 'Ready');
      const { config } = await ask('STREAM.INFO.LOAD');
      expect(config).toMatchObject({ num_replicas: 3, storage: 'file', subjects: ['load.>'] });
    },
    4 * minutes,
  );

  test(
    'a converged cluster is left alone',
    async () => {
      // Longer than the operator waits between two looks at servers that are well.
      const quietMs = 32_000;
      const byOthers = /^(pods|nodes|leases|endpoint|persistentvolume)/;
      await until(
        'nobody writes',
        async () => {
          const since = Date.now() - quietMs;
          const requests = await auditedRequests(operated.controlPlane.auditLog, { since });
          const writes = requests.filter(({ verb }) => /create|update|patch|delete/.test(verb));
          return writes.every(({ resource }) => byOthers.test(resource));
        },
        { withinMs: 2 * minutes },
      );
    },
    3 * minutes,
  );

  test(
    'a roll under load loses no message, and stops one server at a time',
    async () => {
      const before = await uids();
      await underLoad(async () => {
        const pods = { annotations: { 'example.com/rolled': 'yes' } };
        await operated.apply(cluster({ pods }));
        await until(
          'all three pods are others',
          async () => {
            const now = await uids();
            return now.length === 3 && !now.some((uid) => before.includes(uid));
          },
          { withinMs: 5 * minutes },
        );
        await operated.reaches('natsclusters', name, 'Ready');
      });
    },
    8 * minutes,
  );

  test(
    'a hand-edited StatefulSet is repaired, and no pod is touched for it',
    async () => {
      const before = await uids();
      const path = operated.path('statefulsets', name);
      const byHand = { terminationGracePeriodSeconds: 7 };
      await operated.api.patch(path, { spec: { template: { spec: byHand } } });
      await until('the template is as it was', async () => {
        const { spec } = await operated.api.get<Observed>(path);
        return !JSON.stringify(spec?.template).includes('"terminationGracePeriodSeconds":7,');
      });
      expect(await uids()).toEqual(before);
    },
    3 * minutes,
  );

  test(
    'five servers take part soon, and three of them are left without a loss',
    async () => {
      await underLoad(async () => {
        await operated.apply(cluster({ replicas: 5 }));
        const grown = await operated.reaches('natsclusters', name, 'Ready', 'True', 4 * minutes);
        expect(grown.status?.readyReplicas).toBe(5);
        await operated.apply(cluster({ replicas: 3 }));
        const shrunk = await operated.reaches('natsclusters', name, 'Ready', 'True', 5 * minutes);
        expect(shrunk.status?.readyReplicas).toBe(3);
      });
      expect(await uids()).toHaveLength(3);
      const info = await ask('STREAM.INFO.LOAD');
      const { replicas } = Object(info.cluster);
      expect(replicas).toHaveLength(2);
    },
    10 * minutes,
  );

  test(
    'a server that lost its disk gets its messages back from the others',
    async () => {
      await underLoad(async () => {
        await operated.kubelet.loseVolume(operated.namespace, `${name}-1`);
        await until(
          'both replicas are current',
          async () => {
            const info = await ask('STREAM.INFO.LOAD');
            const replicas: readonly { current: boolean; offline?: boolean }[] = Object(
              info.cluster,
            ).replicas;
            return replicas.length === 2 && replicas.every((each) => each.current && !each.offline);
          },
          { withinMs: 4 * minutes },
        );
        await operated.reaches('natsclusters', name, 'Ready', 'True', 4 * minutes);
      });
    },
    6 * minutes,
  );
});
