import { temporaryDirectory } from '@windlass/local/directory.ts';
import { resolveNatsServer } from '@windlass/local/nats-binary.ts';
import {
  catchUpMs,
  ledGroups,
  missingEntries,
  type Progresses,
} from '@windlass/operator/nats-cluster/group-progress.ts';
import { ports } from '@windlass/operator/nats-cluster/names.ts';
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
const account = 'APP';
const replicas = 3;
const attemptMs = 2_000;
const sampleGapMs = 100;
const keptMs = 10_000;
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
  const watched = new Watched(scene);
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
  const { stoppedWhileBehind, looks, looksBehind } = await watched.stop();
  await Promise.all(brokers.map((broker) => broker.close()));
  await addresses.stop();
  Object.assign(details, { published, repeatedPublishes: repeated, looks, looksBehind });
  return { failedPublishes: failed, rolledWhileBehind: stoppedWhileBehind };
}

function clusterObject(pods: object) {
  return {
    apiVersion: 'windlass.dev/v1alpha1',
    kind: 'NatsCluster',
    metadata: { name: cluster, namespace },
    spec: { replicas, anonymousAccount: account, tls: { mode: 'Disabled' }, pods },
  };
}

const streamObject = {
  apiVersion: 'windlass.dev/v1alpha1',
  kind: 'Stream',
  metadata: { name: 'loaded', namespace },
  spec: {
    clusterRef: { name: cluster },
    ...{ name: 'LOADED', subjects: ['loaded.>'], storage: 'file', replicas },
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

interface Sample {
  readonly atMs: number;
  readonly groups: Progresses;
}

/**
 * Looks at the replicas of the stream all the time, and at which servers are being stopped. What
 * is behind is what the operator's gate calls so, found out by another way than its own.
 */
class Watched {
  private isOn = true;
  private stoppedWhileBehind = 0;
  private looks = 0;
  private looksBehind = 0;
  private samples: readonly Sample[] = [];
  private readonly running: Promise<void>;

  constructor(scene: Scene) {
    this.running = this.look(scene);
  }

  /** Servers that were stopped, and how often anything was behind, stopped servers included. */
  async stop() {
    this.isOn = false;
    await this.running;
    const { stoppedWhileBehind, looks, looksBehind } = this;
    return { stoppedWhileBehind, looks, looksBehind };
  }

  private async look(scene: Scene): Promise<void> {
    const stopping = new Set<string | undefined>();
    let wasBehind = false;
    while (this.isOn) {
      const isBehind = await this.isBehind(scene);
      const terminating = (await pods(scene)).filter(({ metadata }) => metadata.deletionTimestamp);
      for (const { metadata } of terminating) {
        if (stopping.has(metadata.uid)) continue;
        stopping.add(metadata.uid);
        // What was seen just before: afterwards the stopped server itself is behind.
        if (wasBehind) this.stoppedWhileBehind++;
      }
      wasBehind = isBehind;
      this.looks++;
      if (isBehind) this.looksBehind++;
      await new Promise((resolve) => setTimeout(resolve, sampleGapMs));
    }
  }

  /** Whether a replica lacks anything now that was committed before the time to catch up. */
  private async isBehind(scene: Scene): Promise<boolean> {
    const now: Sample = { atMs: performance.now(), groups: await groupsOf(scene) };
    const before = this.samples.findLast(({ atMs }) => now.atMs - atMs >= catchUpMs);
    this.samples = [...this.samples, now].filter(({ atMs }) => now.atMs - atMs < keptMs);
    if (before === undefined || now.groups.size === 0) return true;
    return [...now.groups].some(([group, progress]) => {
      const missing = [...progress.stored.keys()].map((replica) =>
        missingEntries(before.groups.get(group), progress, replica),
      );
      return missing.length !== replicas - 1 || missing.some((entries) => entries !== 0);
    });
  }
}

/** Of all Raft groups of the account, asked of the monitoring of each server. */
async function groupsOf(scene: Scene): Promise<Progresses> {
  const listed = await pods(scene);
  const answers = await Promise.all(
    listed.map(async ({ metadata, status }) => {
      const url = `http://${status?.podIP}:${ports.monitor}/raftz?acc=${account}`;
      const signal = AbortSignal.timeout(attemptMs);
      // A server that starts answers with a sentence, and one that is away not at all.
      const answer = await fetch(url, { signal })
        .then((response): Promise<unknown> => response.json())
        .catch(() => undefined);
      return ledGroups(metadata.name, answer);
    }),
  );
  return new Map(answers.flatMap((led) => [...led]));
}
