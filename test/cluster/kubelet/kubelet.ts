import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from '../../../services/local/directory.ts';
import { KubeApi } from '../kube-api.ts';
import { takeNetwork } from './addresses.ts';
import { claimsOf, registerStorageClass } from './claims.ts';
import type { BackOff } from './container.ts';
import { findIsolation } from './isolation.ts';
import { KubeletLoop, type LoopOptions } from './kubelet-loop.ts';
import { registerNodes } from './nodes.ts';
import type { PodWorker } from './pod-worker.ts';

const waitMs = 60_000;
const pollMs = 50;

export interface KubeletOptions {
  /** Of somebody who may do everything. */
  readonly kubeconfig: string;
  /**
   * The program that every image whose name begins with `nats` runs; a function chooses one for
   * each image, and gives nothing for one that cannot be pulled. Other images run nothing: their
   * containers are pretended to be running and ready.
   */
  readonly natsServer: string | ((image: string) => string | undefined);
  /** Whose pods it runs; all when not said. Two kubelets must not have the same. */
  readonly namespaces?: readonly string[];
  /** Where data and root directories are. @default a temporary directory */
  readonly dir?: string;
  /** Each in a zone of its own, at most 5. @default 3 */
  readonly nodes?: number;
  /** Probes are never further apart. @default 500 */
  readonly probePeriodMaxMs?: number;
  /** Between the end of a container and its next start. @default 500 ms to 5 s */
  readonly backOff?: BackOff;
  readonly say?: (line: string) => void;
  /** Output of the pods (`namespace/name`). */
  readonly onLine?: (pod: string, line: string) => void;
}

/** A node that runs nats-servers. Pods are named by namespace and name. */
export interface TestKubelet {
  readonly nodes: readonly string[];
  /** Runs the pods of another namespace as well. */
  serve(namespace: string): Promise<void>;
  /** SIGKILL to its processes; resolves when they are gone. They are started again. */
  killPod(namespace: string, pod: string): Promise<void>;
  /** Kills its processes and starts none until the function it gives is called. */
  holdPod(namespace: string, pod: string): Promise<() => void>;
  /** For example SIGSTOP, which makes it hang. */
  signalPod(namespace: string, pod: string, signal: NodeJS.Signals): void;
  /**
   * The node is lost with its disk: kills and deletes the pod, deletes its claims and their data.
   * Resolves when the old claims are gone; what owns the pod makes it and its claims anew.
   */
  loseVolume(namespace: string, pod: string): Promise<void>;
  /** The directory of a volume of a pod on this machine, named as in the pod. */
  volumePath(namespace: string, pod: string, volume: string): string;
  /** Runs a program of the image (only `nats-server`) beside the first container's process. */
  exec(
    namespace: string,
    pod: string,
    words: readonly string[],
  ): Promise<{ readonly ok: boolean; readonly output: string }>;
  /** The last lines of output of all pods that have had the name. */
  logs(namespace: string, pod: string): readonly string[];
  /** Kills all that it runs, without any grace, and takes its nodes away. */
  stop(): Promise<void>;
}

/** No process can be isolated on this machine; the message says why. */
export class NoIsolation extends Error {
  override readonly name = 'NoIsolation';
}

/**
 * A kubelet, scheduler and volume provisioner in one, for tests: a pod of NATS is a real
 * nats-server with a file system and an address of its own. Linux only. What it runs ends with
 * this process, even when that is killed.
 */
export async function startKubelet(options: KubeletOptions): Promise<TestKubelet> {
  const isolation = await findIsolation();
  if (typeof isolation === 'string') throw new NoIsolation(isolation);
  const api = await KubeApi.from(options.kubeconfig);
  const network = await takeNetwork();
  const directory = await temporaryDirectory();
  const release = async () => {
    api.close();
    await network.release();
    await directory.remove();
  };
  try {
    return await run(options, { api, isolation, network, directory: directory.path }, release);
  } catch (error) {
    await release();
    throw error;
  }
}

async function run(
  options: KubeletOptions,
  place: Pick<LoopOptions, 'api' | 'isolation' | 'network' | 'directory'>,
  release: () => Promise<void>,
): Promise<TestKubelet> {
  const { api, network } = place;
  const prefix = `node-${network.prefix.replaceAll('.', '-')}`;
  await registerStorageClass(api);
  const nodes = await registerNodes(api, prefix, network.nodeAddress, options.nodes ?? 3);
  const loop = new KubeletLoop({
    ...place,
    nodes,
    owner: prefix,
    directory: options.dir ?? place.directory,
    binaryFor: (image) => binaryFor(options.natsServer, image),
    probePeriodMaxMs: options.probePeriodMaxMs ?? 500,
    backOff: options.backOff ?? { firstMs: 500, maxMs: 5_000 },
    say: options.say ?? (() => {}),
    onLine: options.onLine ?? (() => {}),
  });
  await loop.start(options.namespaces);
  return {
    nodes,
    ...operations(loop, api),
    async stop() {
      await loop.stop();
      for (const node of nodes) await api.delete(`/api/v1/nodes/${node}`).catch(() => {});
      await release();
    },
  };
}

function binaryFor(natsServer: KubeletOptions['natsServer'], image: string) {
  const name = image.split('/').at(-1) ?? image;
  if (!name.startsWith('nats')) return 'pretended';
  return typeof natsServer === 'string' ? natsServer : natsServer(image);
}

function operations(loop: KubeletLoop, api: KubeApi): Omit<TestKubelet, 'nodes' | 'stop'> {
  const processesOf = (worker: PodWorker) =>
    worker.containers.flatMap(({ process }) => (process === undefined ? [] : [process]));
  return {
    serve: (namespace) => loop.serve(namespace),
    async killPod(namespace, pod) {
      const processes = processesOf(loop.worker(namespace, pod));
      for (const process of processes) process.kill('SIGKILL');
      await Promise.all(processes.map(({ exited }) => exited));
    },
    async holdPod(namespace, pod) {
      const worker = loop.worker(namespace, pod);
      const processes = processesOf(worker);
      const releases = worker.containers.map((container) => container.holdDown());
      await Promise.all(processes.map(({ exited }) => exited));
      return () => {
        for (const release of releases) release();
      };
    },
    signalPod(namespace, pod, signal) {
      for (const process of processesOf(loop.worker(namespace, pod))) process.kill(signal);
    },
    loseVolume: (namespace, pod) => loseVolume(loop, api, namespace, pod),
    volumePath: (namespace, pod, volume) => loop.worker(namespace, pod).volumePath(volume),
    async exec(namespace, pod, words) {
      const worker = loop.worker(namespace, pod);
      const [process] = processesOf(worker);
      if (process === undefined) throw new Error(`${worker.name} has no process`);
      return await worker.exec(undefined, process.pid, words);
    },
    logs: (namespace, pod) => loop.logs(`${namespace}/${pod}`),
  };
}

async function loseVolume(
  loop: KubeletLoop,
  api: KubeApi,
  namespace: string,
  pod: string,
): Promise<void> {
  const worker = loop.worker(namespace, pod);
  const names = [...claimsOf(worker.pod).values()];
  const lost = names.map((name) => ({
    name,
    uid: loop.view.claims.get(namespace, name)?.metadata.uid,
  }));
  const paths = [...claimsOf(worker.pod).keys()].map((volume) => worker.volumePath(volume));
  const base = `/api/v1/namespaces/${namespace}`;
  for (const { name, uid } of lost) {
    const options = { preconditions: { uid } };
    await api.delete(`${base}/persistentvolumeclaims/${name}`, options);
  }
  await worker.kill();
  const preconditions = { uid: worker.uid };
  await api.delete(join(base, 'pods', pod), { gracePeriodSeconds: 0, preconditions });
  const isGone = () =>
    lost.every(({ name, uid }) => loop.view.claims.get(namespace, name)?.metadata.uid !== uid) &&
    paths.every((path) => !existsSync(path));
  const deadline = performance.now() + waitMs;
  while (!isGone()) {
    if (performance.now() > deadline) throw new Error(`the volumes of ${worker.name} are not gone`);
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}
