import { setTimeout as pause } from 'node:timers/promises';
import { resolveNatsServer } from '../../services/local/nats-binary.ts';
import { type ControlPlaneAccess, startControlPlane } from './control-plane.ts';
import { type ApiObject, KubeApi } from './kube-api.ts';
import { startKubelet } from './kubelet/kubelet.ts';
import { isReady, type Pod } from './kubelet/pod.ts';
import { Watched } from './kubelet/watched.ts';

const lookAgainMs = 1_000;
/** On each pod of a NatsCluster: the cluster's name. */
const clusterLabel = 'windlass.dev/cluster';

interface NatsCluster extends ApiObject {
  readonly spec?: { readonly replicas?: number; readonly tls?: { readonly mode?: string } };
}

export interface RunOptions {
  /** Starts the operator, after all else and stopped before it. */
  readonly startOperator?: (access: ControlPlaneAccess) => Promise<{ stop(): Promise<void> }>;
  /** Each in a zone of its own, at most 5. @default 3 */
  readonly nodes?: number;
  /** What a person or a script reads: `KUBECONFIG=…`, `NATS_URL=…`. */
  readonly print: (line: string) => void;
  /** What is being done, and what goes wrong. */
  readonly say: (line: string) => void;
  /** Output of the pods (`namespace/name`). */
  readonly onLine?: (pod: string, line: string) => void;
}

export interface RunningControlPlane {
  readonly kubeconfig: string;
  /** Leaves no process and no file. */
  stop(): Promise<void>;
}

/**
 * All that a person needs to try the operator with kubectl: API server, controllers, nodes that
 * run real nats-servers, and the operator. Prints where they are, and the address of each
 * NatsCluster whenever all its pods are ready.
 */
export async function runControlPlane(options: RunOptions): Promise<RunningControlPlane> {
  const { print, say } = options;
  const natsServer = (await resolveNatsServer({ say })).path;
  const stops: (() => Promise<void>)[] = [];
  const stop = async () => {
    for (const each of stops.splice(0).reverse()) await each();
  };
  try {
    const controlPlane = await startControlPlane({ say });
    stops.push(() => controlPlane.stop());
    const { kubeconfig, kubectl } = controlPlane;
    const nodes = options.nodes ?? 3;
    const onLine = options.onLine ?? (() => {});
    const kubelet = await startKubelet({ kubeconfig, natsServer, nodes, say, onLine });
    stops.push(() => kubelet.stop());
    const announcing = new AbortController();
    const announced = announceClusters(kubeconfig, announcing.signal, print);
    stops.push(async () => {
      announcing.abort();
      await announced;
    });
    const operator = await options.startOperator?.(controlPlane);
    if (operator !== undefined) stops.push(() => operator.stop());
    print(`KUBECONFIG=${kubeconfig}`);
    if (kubectl !== undefined) say(`kubectl is ${kubectl}`);
    return { kubeconfig, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Until the signal is aborted. The kind may be installed at any time. */
async function announceClusters(
  kubeconfig: string,
  signal: AbortSignal,
  print: (line: string) => void,
): Promise<void> {
  const api = await KubeApi.from(kubeconfig);
  const printed = new Map<string, string>();
  const announce = () => {
    for (const cluster of clusters.all()) {
      const { name, namespace } = cluster.metadata;
      const line = addressOf(cluster, pods.all());
      const key = `${namespace}/${name}`;
      if (line !== undefined && printed.get(key) !== line) print(line);
      if (line !== undefined) printed.set(key, line);
    }
  };
  const clusters = new Watched<NatsCluster>(
    api,
    '/apis/windlass.dev/v1alpha1/natsclusters',
    announce,
  );
  const pods = new Watched<Pod>(api, `/api/v1/pods?labelSelector=${clusterLabel}`, announce);
  for (const watched of [clusters, pods]) await startWhenThere(watched, signal);
  if (!signal.aborted) {
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  }
  api.close();
}

async function startWhenThere(
  watched: { start(signal: AbortSignal): Promise<void> },
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      return await watched.start(signal);
    } catch {
      await pause(lookAgainMs, undefined, { signal }).catch(() => {});
    }
  }
}

/** The addresses of its pods, as programs of this machine reach them; once all are ready. */
function addressOf({ metadata, spec }: NatsCluster, pods: readonly Pod[]): string | undefined {
  const own = pods.filter(
    (pod) =>
      pod.metadata.namespace === metadata.namespace &&
      pod.metadata.labels?.[clusterLabel] === metadata.name &&
      isReady(pod),
  );
  if (own.length < (spec?.replicas ?? 3)) return undefined;
  const scheme = spec?.tls?.mode === 'Disabled' ? 'nats' : 'tls';
  const urls = own.map(({ status }) => `${scheme}://${status?.podIP}:4222`).sort();
  return `NATS_URL=${urls.join(',')}  # NatsCluster ${metadata.namespace}/${metadata.name}`;
}
