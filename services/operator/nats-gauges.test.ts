import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { natsUrl } from '@windlass/local/testing.ts';
import { consumers, keyValues, natsClusters, streams } from './api/kinds.ts';
import { consumerKind } from './assets/consumer.ts';
import type { JetStream } from './assets/jet-stream.ts';
import { keyValueKind } from './assets/key-value.ts';
import { streamKind } from './assets/stream.ts';
import { Rig } from './assets/testing/rig.ts';
import type { Context, Kind, PlannedAction } from './control/kind.ts';
import { createOperatorMetrics } from './metrics.ts';
import type { Facts } from './nats-cluster/facts.ts';
import { podFacts, serverFacts, wellFacts } from './nats-cluster/testing/facts.ts';
import { assetReading, clusterReading, NatsGauges } from './nats-gauges.ts';

let rig: Rig;
let jetStream: JetStream;
let servers: string[];
let metrics: ReturnType<typeof createOperatorMetrics>;
let gauges: NatsGauges;
let isLeader: boolean;
let nowMs: number;
const own = `GAUGES${Date.now()}`;

beforeAll(async () => {
  servers = [await natsUrl()];
  rig = new Rig();
  jetStream = rig.connections.open({ target: 'test', servers, apiPrefix: '$JS.API' });
});
afterAll(() => rig.close());

beforeEach(() => {
  metrics = createOperatorMetrics({ service: 'operator', enabled: true });
  isLeader = true;
  nowMs = 0;
  gauges = new NatsGauges({
    metrics,
    cache: rig.context.cache,
    isLeader: () => isLeader,
    now: () => nowMs,
  });
});

/** Lines of what is told of NATS: name, labels without that of the service, value. */
async function told(): Promise<readonly string[]> {
  const lines = (await metrics.exposition()).split('\n');
  return lines
    .filter((line) => line.startsWith('windlass_nats_'))
    .map((line) => line.replace('windlass_nats_', '').replace(',service="operator"', ''))
    .sort();
}

describe('of streams and consumers', () => {
  const streamsSeen = () => gauges.watching(streamKind(rig.parts), assetReading);
  const consumersSeen = () => gauges.watching(consumerKind(rig.parts), assetReading);

  function putStream(name: string) {
    const spec = { name, servers, subjects: [`${name}.>`], storage: 'memory' };
    return rig.put(streams, name.toLowerCase(), { spec });
  }

  test('tells how many messages and bytes a stream has, whenever it is looked at', async () => {
    const name = `${own}_A`;
    const object = putStream(name);
    const kind = streamsSeen();
    await rig.reconcile(kind, object);
    expect(await told()).toContain(`stream_messages{namespace="shop",stream="${name}"} 0`);
    for (let count = 0; count < 3; count++) await jetStream.request(`${name}.made`, { count });
    const { requeueAfterMs } = await rig.reconcile(kind, object);
    expect(requeueAfterMs).toBe(60_000);
    const { state } = await jetStream.ask(`STREAM.INFO.${name}`);
    const { bytes } = state as { bytes: number };
    expect(await told()).toEqual([
      `stream_bytes{namespace="shop",stream="${name}"} ${bytes}`,
      `stream_messages{namespace="shop",stream="${name}"} 3`,
    ]);
  });

  test('tells what a consumer has before it, and what is with its clients', async () => {
    const name = `${own}_B`;
    await rig.reconcile(streamKind(rig.parts), putStream(name));
    const spec = {
      ...{ streamName: name, durableName: 'worker', servers, ackPolicy: 'explicit' },
      ackWait: '100ms',
    };
    const object = rig.put(consumers, 'worker', { spec });
    await rig.reconcile(consumerKind(rig.parts), object);
    const publish = async (messages: number) => {
      for (let count = 0; count < messages; count++) {
        await jetStream.request(`${name}.made`, { count });
      }
    };
    const pull = async (batch: number) => {
      const connection = await jetStream.connection();
      const reply = `inbox.${own}.${batch}`;
      const messages = connection.subscribe(reply, { max: batch });
      const request = JSON.stringify({ batch, expires: 30_000_000_000 });
      connection.publish(`$JS.API.CONSUMER.MSG.NEXT.${name}.worker`, request, { reply });
      for await (const { subject } of messages) expect(subject).toBe(`${name}.made`);
    };
    await publish(2);
    await pull(2);
    // There is nothing else than the two, which nobody acknowledges: one of them comes again.
    await pull(1);
    await publish(3);
    await rig.reconcile(consumersSeen(), object);
    const labels = `{namespace="shop",stream="${name}",consumer="worker"}`;
    expect(await told()).toEqual([
      `consumer_ack_pending_messages${labels} 2`,
      `consumer_pending_messages${labels} 3`,
      `consumer_redelivered_messages${labels} 1`,
    ]);
  }, 60_000);

  test('tells of the stream of a bucket by its name in NATS', async () => {
    const object = rig.put(keyValues, 'seats', { spec: { bucket: `${own}_C`, servers } });
    await rig.reconcile(gauges.watching(keyValueKind(rig.parts), assetReading), object);
    expect(await told()).toContain(`stream_messages{namespace="shop",stream="KV_${own}_C"} 0`);
  });

  test('tells nothing of it to which an older object has a claim', async () => {
    const name = `${own}_D`;
    const older = putStream(name);
    await rig.reconcile(streamKind(rig.parts), older);
    const younger = rig.put(streams, 'younger', { spec: older.spec });
    await rig.reconcile(streamsSeen(), younger);
    expect(await told()).toEqual([]);
  });

  test('takes the series away when the object goes, and those of a former object', async () => {
    const object = putStream(`${own}_E`);
    await rig.reconcile(streamsSeen(), object);
    expect(await told()).toHaveLength(2);
    rig.remove(streams, `shop/${object.metadata.name}`);
    expect(await told()).toEqual([]);
    await rig.reconcile(streamsSeen(), putStream(`${own}_E`));
    expect(await told()).toHaveLength(2);
    putStream(`${own}_E`);
    expect(await told()).toEqual([]);
  });

  test('takes all series away when another process leads', async () => {
    await rig.reconcile(streamsSeen(), putStream(`${own}_F`));
    isLeader = false;
    expect(await told()).toEqual([]);
    isLeader = true;
    expect(await told()).toEqual([]);
  });

  test('takes a series away that could not be renewed for minutes', async () => {
    await rig.reconcile(streamsSeen(), putStream(`${own}_G`));
    nowMs = 149_000;
    expect(await told()).toHaveLength(2);
    nowMs = 151_000;
    expect(await told()).toEqual([]);
  });
});

describe('of clusters', () => {
  async function see(facts: Facts): Promise<readonly string[]> {
    const kind: Kind<Facts, PlannedAction> = {
      resource: natsClusters,
      watches: [],
      needsFinalizer: () => false,
      observe: async () => facts,
      plan: () => ({ actions: [], phase: 'ready', reason: 'Ready', message: 'All is well.' }),
      act: async () => {},
    };
    const object = rig.put(natsClusters, 'c');
    await gauges.watching(kind, clusterReading).observe(object, {} as Context);
    return await told();
  }

  test('tells which servers answer, what they store, and how many are ready', async () => {
    const facts = wellFacts(3, {
      pods: [podFacts(0), podFacts(1), podFacts(2, { isReady: false })],
      servers: [serverFacts(0, 3, { storageBytes: 7 }), serverFacts(1)],
    });
    const of = (name: string) => `{namespace="ns",cluster="c",server="${name}"}`;
    expect(await see(facts)).toEqual([
      'cluster_members{namespace="ns",cluster="c"} 3',
      'cluster_ready_members{namespace="ns",cluster="c"} 2',
      `server_storage_bytes${of('c-0')} 7`,
      `server_storage_bytes${of('c-1')} 0`,
      `server_storage_limit_bytes${of('c-0')} 1000`,
      `server_storage_limit_bytes${of('c-1')} 1000`,
      `server_up${of('c-0')} 1`,
      `server_up${of('c-1')} 1`,
      `server_up${of('c-2')} 0`,
    ]);
  });

  test('tells of a server that is one too many until it is gone', async () => {
    expect(await see(wellFacts(3))).toContain(
      'server_up{namespace="ns",cluster="c",server="c-2"} 1',
    );
    const two = await see(wellFacts(1));
    expect(two.filter((line) => line.startsWith('server_up'))).toEqual([
      'server_up{namespace="ns",cluster="c",server="c-0"} 1',
    ]);
  });
});
