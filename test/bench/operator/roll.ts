import { temporaryDirectory } from '@windlass/local/directory.ts';
import { resolveNatsServer } from '@windlass/local/nats-binary.ts';
import { Broker } from '@windlass/runtime/broker/connection.ts';
import { until } from '@windlass/runtime/testing/until.ts';
import type { ApiList, ApiObject } from '../../cluster/kube-api.ts';
import { startKubelet } from '../../cluster/kubelet/kubelet.ts';
import { LiveAddresses } from '../../cluster/live-addresses.ts';
import { PublishLoad } from '../../cluster/publish-load.ts';
import { isReady, pathOf } from './converge.ts';
import { namespace, type Scene, setScene } from './scene.ts';

const cluster = 'bench';
const publishers = 16;
const readyMs = 180_000;
const rollMs = 10 * 60_000;
const attemptMs = 2_000;
const sampleGapMs = 100;
const warmMs = 5_000;
const quiet = { info: () => {}, warn: () => {} };

interface Pod extends ApiObject {
  readonly status?: { readonly podIP?: string };
}

/** A loaded cluster of three gets a new pod template. */
export async function rollLoaded(
  say: (line: string) => void,
  details: Record<string, number>,
): Promise<{ readonly failedPublishes: number; readonly rolledWhileBehind: number }> {
  const scene = await setScene(say);
  const directory = await temporaryDirectory();
  const { path: natsServer } = await resolveNatsServer();
  const { kubeconfig } = scene.controlPlane;
  const kubelet = await startKubelet({ kubeconfig, natsServer, dir: directory.path });
  try {
    await scene.startOperator();
    await scene.api.post(pathOf('natsclusters'), clusterObject({}));
    await scene.api.post(pathOf('streams'), streamObject);
    say('a cluster of three starts');
    for (const [plural, name] of [
      ['natsclusters', cluster],
      ['streams', 'loaded'],
    ] as const) {
      await until(
        `${name} is Ready`,
        async () => isReady(await scene.api.get(pathOf(plural, name))),
        { withinMs: readyMs },
      );
    }
    return await measure(scene, details);
  } finally {
    await kubelet.stop();
    await scene.stop();
    await directory.remove();
  }
}

async function measure(scene: Scene, details: Record<string, number>) {
  const before = await podUids(scene);
  const addresses = await LiveAddresses.follow(() => podAddresses(scene));
  const brokers = Array.from({ length: publishers }, () => brokerOf(addresses));
  const load = new PublishLoad(brokers, 'loaded');
  const watched = new Watched(scene, brokers[0]);
  await new Promise((resolve) => setTimeout(resolve, warmMs));
  scene.say('it gets another pod template');
  const started = performance.now();
  await scene.api.patch(
    pathOf('natsclusters', cluster),
    clusterObject({ annotations: { rolled: 'yes' } }),
    'apply',
  );
  const isRolled = async () => {
    const now = await podUids(scene);
    if (now.length < 3 || now.some((uid) => before.includes(uid))) return false;
    return isReady(await scene.api.get(pathOf('natsclusters', cluster)));
  };
  await until('all three are rolled', isRolled, { withinMs: rollMs, everyMs: 1_000 });
  details.rollSeconds = (performance.now() - started) / 1_000;
  const { published, failed, repeated } = await load.stop();
  const behind = await watched.stop();
  await Promise.all(brokers.map((broker) => broker.close()));
  await addresses.stop();
  Object.assign(details, { published, repeatedPublishes: repeated });
  return { failedPublishes: failed, rolledWhileBehind: behind };
}

function clusterObject(pods: object) {
  return {
    apiVersion: 'windlass.dev/v1alpha1',
    kind: 'NatsCluster',
    metadata: { name: cluster, namespace },
    spec: { replicas: 3, anonymousAccount: 'APP', tls: { mode: 'Disabled' }, pods },
  };
}

const streamObject = {
  apiVersion: 'windlass.dev/v1alpha1',
  kind: 'Stream',
  metadata: { name: 'loaded', namespace },
  spec: {
    clusterRef: { name: cluster },
    ...{ name: 'LOADED', subjects: ['loaded.>'], storage: 'file', replicas: 3 },
    ...{ maxBytes: 256 * 1_024 * 1_024 },
  },
};

async function pods(scene: Scene): Promise<readonly Pod[]> {
  const { items } = await scene.api.get<ApiList<Pod>>(`/api/v1/namespaces/${namespace}/pods`);
  return items;
}

async function podUids(scene: Scene): Promise<readonly (string | undefined)[]> {
  return (await pods(scene)).map(({ metadata }) => metadata.uid);
}

async function podAddresses(scene: Scene): Promise<readonly string[]> {
  return (await pods(scene)).flatMap(({ status }) => status?.podIP ?? []);
}

function brokerOf(addresses: LiveAddresses): Broker {
  const servers = addresses.current;
  const broker = new Broker({ servers, name: 'bench', logger: quiet, connectTimeoutMs: 2_000 });
  broker.start();
  return broker;
}

/** Looks at the stream all the time, and at which servers are being stopped. */
class Watched {
  private isOn = true;
  private behind = 0;
  private readonly running: Promise<void>;

  constructor(scene: Scene, broker: Broker | undefined) {
    this.running = this.look(scene, broker);
  }

  async stop(): Promise<number> {
    this.isOn = false;
    await this.running;
    return this.behind;
  }

  private async look(scene: Scene, broker: Broker | undefined): Promise<void> {
    const stopping = new Set<string | undefined>();
    let wasCurrent = true;
    while (this.isOn) {
      const isCurrent = await allCurrent(broker).catch(() => undefined);
      const terminating = (await pods(scene)).filter(({ metadata }) => metadata.deletionTimestamp);
      for (const { metadata } of terminating) {
        if (stopping.has(metadata.uid)) continue;
        stopping.add(metadata.uid);
        // What was seen just before: afterwards the stopped server itself is behind.
        if (!wasCurrent) this.behind++;
      }
      if (isCurrent !== undefined) wasCurrent = isCurrent;
      await new Promise((resolve) => setTimeout(resolve, sampleGapMs));
    }
  }
}

async function allCurrent(broker: Broker | undefined): Promise<boolean> {
  const connection = await broker?.ready();
  const reply = await connection?.request('$JS.API.STREAM.INFO.LOADED', '', { timeout: attemptMs });
  const { replicas = [] } = Object(reply?.json<{ readonly cluster?: object }>().cluster);
  const list: readonly { readonly current: boolean; readonly offline?: boolean }[] = replicas;
  return list.length === 2 && list.every(({ current, offline }) => current && offline !== true);
}
