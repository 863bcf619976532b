import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorText } from '@windlass/runtime/failure/error-text.ts';
import { pause } from '@windlass/runtime/failure/retry.ts';
import type { Child } from '../../../services/local/child.ts';
import { isRefusal, type KubeApi } from '../kube-api.ts';
import { claimsOf } from './claims.ts';
import { type BackOff, CannotStart, Container } from './container.ts';
import { commandOf, environmentOf, type Surroundings } from './container-environment.ts';
import { type Isolation, type Mount, makeRoot, runBeside, startIn } from './isolation.ts';
import type { Claim, ConfigMap, ContainerSpec, Pod, Secret, Volume } from './pod.ts';
import { type PodStatus, podStatus } from './pod-status.ts';
import { filesOf, isOfFiles, writeFiles } from './volume-files.ts';

const againMs = 250;
const graceSecondsUsual = 30;

/** What a pod needs of the node on which it runs. */
export interface PodHost {
  readonly api: KubeApi;
  readonly isolation: Isolation;
  readonly hostIp: string;
  readonly probePeriodMaxMs: number;
  readonly backOff: BackOff;
  /** The server for an image; `pretended` for one of something else; undefined: no such image. */
  readonly binaryFor: (image: string) => string | 'pretended' | undefined;
  readonly configMap: (namespace: string, name: string) => ConfigMap | undefined;
  readonly secret: (namespace: string, name: string) => Secret | undefined;
  readonly claim: (namespace: string, name: string) => Claim | undefined;
  /** The directory of a persistent volume. */
  readonly volumePath: (volume: string) => string | undefined;
  readonly hostsFile: (namespace: string) => string;
  readonly say: (line: string) => void;
  readonly onLine: (pod: string, line: string) => void;
}

/** One pod, from its being bound to a node until nothing of it is left. */
export class PodWorker {
  pod: Pod;
  readonly uid: string;
  readonly podIp: string;
  readonly containers: readonly Container[];
  private readonly host: PodHost;
  private readonly directory: string;
  private readonly startTime = new Date().toISOString();
  private readonly leaving = new AbortController();
  private readonly killing = new AbortController();
  private readonly abandoned = new AbortController();
  private killTimer: NodeJS.Timeout | undefined;
  private status: PodStatus | undefined;
  private publishing: Promise<void> = Promise.resolve();
  private told = '';
  private isPrepared = false;
  private ending: Promise<void> | undefined;
  private preparing: Promise<void> = Promise.resolve();

  constructor(pod: Pod, directory: string, podIp: string, host: PodHost) {
    this.pod = pod;
    this.uid = pod.metadata.uid ?? '';
    this.host = host;
    this.directory = directory;
    this.podIp = podIp;
    this.containers = pod.spec.containers.map(
      (spec) =>
        new Container({
          spec,
          address: podIp,
          probePeriodMaxMs: host.probePeriodMaxMs,
          backOff: host.backOff,
          launch: () => this.launch(spec),
          exec: async (pid, words) => (await this.exec(spec, pid, words)).ok,
          onChange: () => this.publish(),
        }),
    );
  }

  get namespace(): string {
    return this.pod.metadata.namespace ?? '';
  }

  /** `namespace/name`; other pods have it before and after. */
  get name(): string {
    return `${this.namespace}/${this.pod.metadata.name}`;
  }

  /** Starts it when what ran under its name before is gone. */
  start(after: Promise<void>): void {
    this.publish();
    this.preparing = after.then(() => this.prepare());
  }

  /** Ends it as its grace period says, then deletes it from the API server. */
  async terminate(): Promise<void> {
    const { metadata, spec } = this.pod;
    const graceSeconds =
      metadata.deletionGracePeriodSeconds ??
      spec.terminationGracePeriodSeconds ??
      graceSecondsUsual;
    // A second deletion can only make it shorter.
    clearTimeout(this.killTimer);
    this.killTimer = setTimeout(() => this.killing.abort(), graceSeconds * 1_000).unref();
    this.ending ??= this.end().then(() => this.forget());
    await this.ending;
  }

  /** Ends it at once; the API server knows it no more, or nobody is to know. */
  async kill(): Promise<void> {
    this.abandoned.abort();
    this.killing.abort();
    this.ending ??= this.end();
    await this.ending;
  }

  /** Brings changed ConfigMaps and Secrets into its volumes. */
  async refreshFiles(): Promise<void> {
    if (!this.isPrepared || this.leaving.signal.aborted) return;
    for (const volume of this.pod.spec.volumes ?? []) {
      // A token is not asked for again: nothing here lives for so long.
      if (volume.projected !== undefined || !isOfFiles(volume)) continue;
      // What is no longer there stays in the volume until the pod is gone.
      await this.writeVolume(volume).catch((error: unknown) => this.tell(error));
    }
  }

  async refreshHosts(): Promise<void> {
    if (!this.isPrepared || this.leaving.signal.aborted) return;
    for (const { spec } of this.containers) await this.writeHosts(this.rootOf(spec));
  }

  /** The directory of a volume on this machine. */
  volumePath(name: string): string {
    const claim = claimsOf(this.pod).get(name);
    if (claim === undefined) return join(this.directory, 'volumes', name);
    const { spec, status } = this.host.claim(this.namespace, claim) ?? {};
    const path = this.host.volumePath(spec?.volumeName ?? '');
    if (status?.phase !== 'Bound' || path === undefined) throw new Error(`${claim} is not bound`);
    return path;
  }

  /** Runs a command in a container, the first when none is named. */
  async exec(spec: ContainerSpec | undefined, pid: number, words: readonly string[]) {
    const container = spec ?? this.containers[0]?.spec;
    const env = container === undefined ? {} : this.environment(container);
    return await runBeside(this.host.isolation, pid, { words, env });
  }

  private async prepare(): Promise<void> {
    const { signal } = this.leaving;
    while (!signal.aborted) {
      try {
        for (const volume of this.pod.spec.volumes ?? []) await this.writeVolume(volume);
        this.isPrepared = true;
        // What has changed while another volume was written was not heard of.
        await this.refreshFiles();
        for (const container of this.containers) container.start();
        return;
      } catch (error) {
        this.tell(error);
        await pause(againMs, signal);
      }
    }
  }

  private async writeVolume(volume: Volume): Promise<void> {
    const path = this.volumePath(volume.name);
    await mkdir(path, { recursive: true });
    if (!isOfFiles(volume)) return;
    const { api, configMap, secret } = this.host;
    const files = await filesOf(volume, this.pod, {
      api,
      surroundings: this.surroundings(),
      configMap: (name) => configMap(this.namespace, name),
      secret: (name) => secret(this.namespace, name),
    });
    await writeFiles(path, files);
  }

  private async launch(spec: ContainerSpec): Promise<Child | undefined> {
    const binary = this.host.binaryFor(spec.image);
    if (binary === undefined) throw new CannotStart('ImagePullBackOff', `no ${spec.image}`);
    if (binary === 'pretended') return undefined;
    const env = this.environment(spec);
    const path = this.rootOf(spec);
    await makeRoot(path);
    await this.writeHosts(path);
    const mounts = (spec.volumeMounts ?? []).map(({ name, mountPath, subPath }): Mount => {
      const volume = this.volumePath(name);
      return { source: subPath === undefined ? volume : join(volume, subPath), target: mountPath };
    });
    const onLine = (line: string) => this.host.onLine(this.name, line);
    const program = { words: commandOf(spec, env), env, onLine };
    return await startIn(this.host.isolation, { path, binary, mounts }, program);
  }

  private environment(spec: ContainerSpec): Readonly<Record<string, string>> {
    try {
      return environmentOf(this.pod, spec, this.surroundings());
    } catch (error) {
      const message = errorText(error);
      throw new CannotStart('CreateContainerConfigError', message);
    }
  }

  private surroundings(): Surroundings {
    const { configMap, secret, hostIp } = this.host;
    return {
      podIp: this.podIp,
      hostIp,
      configMapKey: (name, key) => configMap(this.namespace, name)?.data?.[key],
      secretKey: (name, key) => {
        const value = secret(this.namespace, name)?.data?.[key];
        return value === undefined ? undefined : Buffer.from(value, 'base64').toString();
      },
    };
  }

  private rootOf({ name }: ContainerSpec): string {
    return join(this.directory, 'roots', name);
  }

  private async writeHosts(root: string): Promise<void> {
    const path = join(root, 'etc', 'hosts');
    await mkdir(join(root, 'etc'), { recursive: true });
    await writeFile(`${path}.new`, this.host.hostsFile(this.namespace));
    await rename(`${path}.new`, path);
  }

  private async end(): Promise<void> {
    this.leaving.abort();
    await this.preparing;
    await Promise.all(this.containers.map((each) => each.stop(this.killing.signal)));
    clearTimeout(this.killTimer);
    await rm(this.directory, { recursive: true, force: true, maxRetries: 5 });
  }

  /** The last thing that a kubelet does for a pod. */
  private async forget(): Promise<void> {
    await this.publishing;
    const path = this.path();
    const options = { gracePeriodSeconds: 0, preconditions: { uid: this.uid } };
    await this.persistently(() => this.host.api.delete(path, options));
  }

  private publish(): void {
    this.publishing = this.publishing.then(() => this.writeStatus());
  }

  private async writeStatus(): Promise<void> {
    const { hostIp } = this.host;
    const isLeaving = this.leaving.signal.aborted;
    const identity = { hostIp, podIp: this.podIp, startTime: this.startTime, isLeaving };
    const status = podStatus(this.pod, this.containers, identity, this.status);
    if (JSON.stringify(status) === JSON.stringify(this.status)) return;
    const body = { metadata: { uid: this.uid }, status };
    const path = `${this.path()}/status`;
    await this.persistently(() => this.host.api.patch(path, body, 'strategic'));
    this.status = status;
  }

  private path(): string {
    return `/api/v1/namespaces/${this.namespace}/pods/${this.pod.metadata.name}`;
  }

  /** Says why something does not succeed, once for as long as the reason is the same. */
  private tell(error: unknown): void {
    const reason = errorText(error);
    if (reason !== this.told) this.host.say(`${this.name}: ${reason}`);
    this.told = reason;
  }

  /** Until the API server has answered; that the pod is gone is an answer. */
  private async persistently(attempt: () => Promise<unknown>): Promise<void> {
    while (!this.abandoned.signal.aborted) {
      try {
        await attempt();
        return;
      } catch (error) {
        if (isRefusal(error, 404, 409)) return;
        this.tell(error);
        await pause(againMs, this.abandoned.signal);
      }
    }
  }
}
