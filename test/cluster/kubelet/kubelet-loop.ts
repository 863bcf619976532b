import { join } from 'node:path';
import type { KubeApi } from '../kube-api.ts';
import { isRefusal } from '../kube-api.ts';
import type { Network } from './addresses.ts';
import { claimsOf, expand, provision, reclaim } from './claims.ts';
import { ClusterView } from './cluster-view.ts';
import { coalesced } from './coalesced.ts';
import type { BackOff } from './container.ts';
import { hostsFile } from './host-names.ts';
import type { Isolation } from './isolation.ts';
import { nodeFor } from './placement.ts';
import type { Pod } from './pod.ts';
import { type PodHost, PodWorker } from './pod-worker.ts';

const keptLines = 500;

export interface LoopOptions {
  readonly api: KubeApi;
  readonly isolation: Isolation;
  readonly network: Network;
  readonly nodes: readonly string[];
  /** The value of the label of its nodes and volumes. */
  readonly owner: string;
  readonly directory: string;
  readonly binaryFor: PodHost['binaryFor'];
  readonly probePeriodMaxMs: number;
  readonly backOff: BackOff;
  readonly say: (line: string) => void;
  readonly onLine: (pod: string, line: string) => void;
}

/** Binds pods to nodes, gives them volumes and runs them. */
export class KubeletLoop {
  readonly view: ClusterView;
  private readonly options: LoopOptions;
  private readonly stopping = new AbortController();
  private readonly workers = new Map<string, PodWorker>();
  /** The end of the last pod of a name. */
  private readonly ends = new Map<string, Promise<void>>();
  /** Nodes of pods that the watch does not yet show as bound, by the pods' uids. */
  private readonly assigned = new Map<string, string>();
  private readonly kept = new Map<string, string[]>();
  private readonly place: () => void;
  private readonly refreshHosts: () => void;
  private readonly refreshFiles: () => void;
  private readonly tendVolumes: () => void;

  constructor(options: LoopOptions) {
    this.options = options;
    const { api, owner, say } = options;
    const { signal } = this.stopping;
    const repeated = (run: () => Promise<void>) => coalesced(run, signal, say);
    this.place = repeated(() => this.placePods());
    this.refreshHosts = repeated(() => this.everyWorker((each) => each.refreshHosts()));
    this.refreshFiles = repeated(() => this.everyWorker((each) => each.refreshFiles()));
    this.tendVolumes = repeated(() => this.tend());
    const listeners = {
      pod: (pod: Pod, isGone: boolean) => this.podChanged(pod, isGone),
      service: () => this.refreshHosts(),
      files: () => this.refreshFiles(),
      claim: () => {
        this.tendVolumes();
        this.place();
      },
      volume: () => this.tendVolumes(),
      node: () => this.place(),
    };
    this.view = new ClusterView(api, owner, listeners, signal);
  }

  start(namespaces: readonly string[] | undefined): Promise<void> {
    return this.view.start(namespaces);
  }

  serve(namespace: string): Promise<void> {
    return this.view.add(namespace);
  }

  /** Throws when no pod of the name runs here. */
  worker(namespace: string, name: string): PodWorker {
    const uid = this.view.pods.get(namespace, name)?.metadata.uid;
    const worker = this.workers.get(uid ?? '');
    if (worker === undefined) throw new Error(`no pod ${namespace}/${name} runs here`);
    return worker;
  }

  logs(pod: string): readonly string[] {
    return this.kept.get(pod) ?? [];
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.everyWorker((worker) => worker.kill());
    await Promise.allSettled(this.ends.values());
  }

  private async everyWorker(act: (worker: PodWorker) => Promise<void>): Promise<void> {
    await Promise.all([...this.workers.values()].map(act));
  }

  private podChanged(pod: Pod, isGone: boolean): void {
    const uid = pod.metadata.uid ?? '';
    const worker = this.workers.get(uid);
    if (pod.spec.nodeName !== undefined) this.assigned.delete(uid);
    if (isGone) {
      this.workers.delete(uid);
      this.assigned.delete(uid);
      if (worker !== undefined) this.ended(worker, worker.kill());
    } else if (worker !== undefined) {
      worker.pod = pod;
      if (pod.metadata.deletionTimestamp !== undefined) this.ended(worker, worker.terminate());
    } else if (this.options.nodes.includes(pod.spec.nodeName ?? '')) {
      this.run(pod);
    }
    this.place();
    this.refreshHosts();
  }

  private run(pod: Pod): void {
    const { phase } = pod.status ?? {};
    if (phase === 'Succeeded' || phase === 'Failed' || this.stopping.signal.aborted) return;
    const uid = pod.metadata.uid ?? '';
    const directory = join(this.options.directory, 'pods', uid);
    const taken = new Set([...this.workers.values()].map(({ podIp }) => podIp));
    const podIp = this.options.network.next((address) => taken.has(address));
    const worker = new PodWorker(pod, directory, podIp, this.host());
    this.workers.set(uid, worker);
    worker.start(this.ends.get(worker.name) ?? Promise.resolve());
    if (pod.metadata.deletionTimestamp !== undefined) this.ended(worker, worker.terminate());
  }

  private ended(worker: PodWorker, end: Promise<void>): void {
    const settled = end.catch((error: unknown) => {
      this.options.say(`${worker.name} did not end well: ${String(error)}`);
    });
    const before = this.ends.get(worker.name);
    this.ends.set(
      worker.name,
      Promise.all([before, settled]).then(() => {}),
    );
  }

  private host(): PodHost {
    const { options, view } = this;
    return {
      api: options.api,
      isolation: options.isolation,
      hostIp: options.network.nodeAddress,
      probePeriodMaxMs: options.probePeriodMaxMs,
      backOff: options.backOff,
      binaryFor: options.binaryFor,
      configMap: (namespace, name) => view.configMaps.get(namespace, name),
      secret: (namespace, name) => view.secrets.get(namespace, name),
      claim: (namespace, name) => view.claims.get(namespace, name),
      volumePath: (volume) => view.volumes.get(volume)?.spec.hostPath?.path,
      hostsFile: (namespace) => hostsFile(namespace, view.pods.all(), view.services.all()),
      say: options.say,
      onLine: (pod, line) => this.keep(pod, line),
    };
  }

  private keep(pod: string, line: string): void {
    const lines = this.kept.get(pod) ?? [];
    if (lines.push(line) > keptLines) lines.shift();
    this.kept.set(pod, lines);
    this.options.onLine(pod, line);
  }

  /** Binds what no node has yet, and makes the volumes that wait for a pod. */
  private async placePods(): Promise<void> {
    for (const pod of this.view.pods.all()) {
      if (pod.spec.nodeName !== undefined || pod.metadata.deletionTimestamp !== undefined) continue;
      if ((pod.spec.schedulerName ?? 'default-scheduler') !== 'default-scheduler') continue;
      if (!this.assigned.has(pod.metadata.uid ?? '')) await this.placePod(pod);
    }
  }

  private async placePod(pod: Pod): Promise<void> {
    const { api, directory, owner } = this.options;
    const { name, namespace = '', uid = '' } = pod.metadata;
    const path = `/api/v1/namespaces/${namespace}/pods/${name}`;
    const node = nodeFor(pod, this.view.nodes.all(), this.boundPods());
    if (node === undefined) return await this.refuse(pod, path);
    for (const claimName of claimsOf(pod).values()) {
      const claim = this.view.claims.get(namespace, claimName);
      // It will be looked at again when the claim is there.
      if (claim === undefined || claim.metadata.deletionTimestamp !== undefined) return;
      await provision(api, claim, join(directory, 'volumes'), owner);
    }
    this.assigned.set(uid, node.metadata.name);
    try {
      const target = { apiVersion: 'v1', kind: 'Node', name: node.metadata.name };
      await api.post(`${path}/binding`, { metadata: { name, namespace, uid }, target });
    } catch (error) {
      this.assigned.delete(uid);
      if (!isRefusal(error, 404, 409)) throw error;
    }
  }

  private boundPods(): readonly Pod[] {
    return this.view.pods.all().map((pod) => {
      const nodeName = pod.spec.nodeName ?? this.assigned.get(pod.metadata.uid ?? '');
      return nodeName === undefined ? pod : { ...pod, spec: { ...pod.spec, nodeName } };
    });
  }

  private async refuse(pod: Pod, path: string): Promise<void> {
    const known = pod.status?.conditions?.some(({ type }) => type === 'PodScheduled');
    if (known === true) return;
    const condition = {
      type: 'PodScheduled',
      status: 'False',
      reason: 'Unschedulable',
      message: 'no node fits',
    };
    await this.options.api.patch(
      `${path}/status`,
      { status: { conditions: [condition] } },
      'strategic',
    );
  }

  private async tend(): Promise<void> {
    const { api } = this.options;
    for (const claim of this.view.claims.all()) await expand(api, claim);
    for (const volume of this.view.volumes.all()) await reclaim(api, volume);
  }
}
